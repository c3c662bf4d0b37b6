"""Results as text for people: tables that fit, the important first, then the next step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from neve.model import Check, Fail, Pass, Skipped, Waived
from neve.report.explain import check_text
from neve.report.table import Column, size_text, table, wrapped

if TYPE_CHECKING:
    from neve.recipe.lockdiff import LockDiff, PackageChange
    from neve.store import GcReport, StoreReport
    from neve.verbs.build import BuildResult
    from neve.verbs.lock import LockResult, TargetSummary
    from neve.verbs.settings import Settings
    from neve.verbs.test import TestResult
    from neve.verbs.verify import VerifyResult


def lock_changes_text(changes: LockDiff, width: int) -> str:
    """What changes against the lock that was there."""
    return "nothing changed\n" if changes.empty else _changes(changes, width)


def lock_text(result: LockResult, width: int) -> str:
    """What was locked."""
    dates = ", ".join(f"{name} of {day}" for name, day in result.archives)
    if result.written:
        state = "written"
    else:
        state = "not written" if not result.replaced or not result.changes.empty else "up to date"
    text = _targets(result.targets, width) + _dropped(result.targets, width)
    text += _certificates(result.certificates, width)
    text += "".join(wrapped(f"note: {check_note(check)}", width) for check in result.notes) + "\n"
    text += wrapped(f"archives: {dates}", width)
    return text + wrapped(f"{result.path} {state} ({result.digest})", width)


def _targets(targets: Iterable[TargetSummary], width: int) -> str:
    rows = [
        [
            str(target.platform),
            target.variant,
            str(target.packages),
            size_text(target.download_size),
            size_text(target.installed_size),
            ", ".join(f"{count} {name}" for name, count in target.effects.items()) or "none",
            str(len(target.dropped)),
        ]
        for target in targets
    ]
    columns = [
        Column(title="platform"),
        Column(title="variant"),
        Column(title="packages", number=True),
        Column(title="download", number=True),
        Column(title="unpacked", number=True, spare=True),
        Column(title="scripts answered", shrink=True),
        Column(title="dropped", number=True),
    ]
    return table(columns, rows, width=width)


def _dropped(targets: Iterable[TargetSummary], width: int) -> str:
    """The names of dropped packages, once for all targets that drop the same."""
    places: dict[tuple[str, ...], list[str]] = {}
    for target in targets:
        if target.dropped:
            places.setdefault(target.dropped, []).append(f"{target.platform} {target.variant}")
    text = "\n" if places else ""
    for names, where in places.items():
        on = f" on {', '.join(where)}" if len(places) > 1 else ""
        text += wrapped(f"dropped{on}: {', '.join(names)}", width)
    return text


def _changes(diff: LockDiff, width: int) -> str:
    rows = [_change_row("+", change) for change in diff.added]
    rows += [_change_row("-", change) for change in diff.removed]
    rows += [_change_row("~", change) for change in diff.changed]
    merged = _merge_platforms(rows)
    text = ""
    if merged:
        columns = [
            Column(title=""),
            Column(title="package"),
            Column(title="old", shrink=True),
            Column(title="new", shrink=True),
            Column(title="on", shrink=True),
        ]
        text = table(columns, merged, width=width)
    for rule in diff.rules:
        text += f"rule {rule.name}: {rule.old or 'none'} → {rule.new or 'none'}\n"
    for effect in diff.effects:
        if effect.old and effect.new:
            text += f"effect of {effect.package} changed on {effect.platform} {effect.variant}\n"
    return text


def _change_row(mark: str, change: PackageChange) -> list[str]:
    where = f"{change.platform} {change.variant}"
    new = f"{change.new} (another file)" if change.repacked else change.new or ""
    return [mark, change.name, change.old or "", new, where]


def _merge_platforms(rows: list[list[str]]) -> list[list[str]]:
    merged: dict[tuple[str, ...], list[str]] = {}
    for *key, where in rows:
        merged.setdefault(tuple(key), []).append(where)
    return [[*key, ", ".join(places)] for key, places in merged.items()]


def build_text(result: BuildResult, width: int) -> str:
    """What was built, where it lies and how to run it."""
    rows = [
        [
            str(one.platform),
            str(one.facts.packages),
            str(one.facts.files),
            size_text(one.facts.installed_size),
            size_text(one.facts.compressed_size),
            str(one.facts.layers),
            one.facts.user,
        ]
        for one in result.platforms
    ]
    columns = [
        Column(title="platform"),
        Column(title="packages", number=True),
        Column(title="files", number=True),
        Column(title="size", number=True),
        Column(title="compressed", number=True),
        Column(title="layers", number=True),
        Column(title="user"),
    ]
    text = table(columns, rows, width=width)
    text += "".join(
        wrapped(f"loosened: {line}", width)
        for line in _loosened(check for one in result.platforms for check in one.waived)
    )
    checks = dict.fromkeys(check for one in result.platforms for check in one.certificates)
    text += _certificates(checks, width)
    skipped = {check_note(check) for one in result.platforms for check in one.skipped}
    text += "".join(wrapped(f"note: {line}", width) for line in sorted(skipped))
    text += "".join(wrapped(f"note: {notice}", width) for notice in result.notices)
    if not result.locked:
        note = "note: resolved for this build alone; `neve lock` makes it repeatable"
        text += wrapped(note, width)
    text += f"\n{result.name} {result.root}\n"
    if len(result.platforms) > 1:
        text += "".join(f"  {one.platform} {one.manifest}\n" for one in result.platforms)
    return text + _where(result)


def _certificates(checks: Iterable[Check], width: int) -> str:
    """What is worth knowing about the recipe's certificates: failures stop nothing."""
    return "".join(check_text(check, width, fail="warning") for check in checks)


def check_note(check: Check) -> str:
    """What a skipped check left open, in a line."""
    reason = check.verdict.reason if isinstance(check.verdict, Skipped) else ""
    return f"{check.rule} ({check.subject}): {reason}"


def _loosened(checks: Iterable[Check]) -> list[str]:
    """A line a rule and reason, with all that it was loosened for."""
    subjects: dict[tuple[str, str], dict[str, None]] = {}
    for check in checks:
        if isinstance(check.verdict, Waived):
            key = (check.rule, check.verdict.waiver.reason)
            subjects.setdefault(key, {})[check.subject] = None
    return [f"{rule} ({', '.join(of)}): {reason}" for (rule, reason), of in subjects.items()]


def _where(result: BuildResult) -> str:
    tag = result.tag.rpartition(":")[2]
    text = f"loaded as {result.loaded}\n" if result.loaded else ""
    for one in result.pushed:
        names = [f"{one.target}:{tag}" for tag in one.tags] or [one.target]
        text += "".join(f"pushed to {name}\n" for name in names)
    if result.output is None:
        return text
    text += f"written to {result.output}\n"
    match result.image_format:
        case "oci":
            source = f"oci:{result.output}:{tag}"
        case "oci-archive":
            source = f"oci-archive:{result.output}:{tag}"
        case _:
            source = f"docker-archive:{result.output}"
    if not result.pushed:
        text += f"push it:  neve push {source} REGISTRY/{result.name}:{tag}\n"
    return text + f"run it:   podman run --rm -it {source}\n"


def store_verify_text(report: StoreReport, width: int) -> str:
    """What a store check found."""
    del width
    text = f"{report.blobs} blobs and {report.actions} actions, {size_text(report.size)}\n"
    for title, names in (
        ("damaged, removed", report.damaged),
        ("left over by dead processes, removed", report.leftovers),
        ("not made by neve, left alone", report.foreign),
    ):
        text += "".join(f"{title}: {name}\n" for name in names)
    return text + ("sound\n" if report.sound else "")


def store_gc_text(report: GcReport, width: int) -> str:
    """What a collection removed and kept."""
    del width
    text = f"removed {report.removed} entries, {size_text(report.removed_size)}\n"
    text += f"kept {report.kept} entries, {size_text(report.kept_size)}"
    return text + (f" ({report.in_use} of them in use)\n" if report.in_use else "\n")


def config_text(settings: Settings, width: int, *, origin: bool) -> str:
    """Every setting, with where it comes from on request."""
    from neve.verbs.settings import known_settings

    rows = []
    for name, meaning in known_settings().items():
        value = getattr(settings, name)
        row = [name, "" if value is None else str(value), settings.origins.get(name, "default")]
        rows.append(row if origin else [*row[:2], meaning])
    for alias, urls in sorted(settings.mirrors.items()):
        name = f"mirrors.{alias}"
        row = [name, ", ".join(urls), settings.origins.get(name, "")]
        rows.append(row if origin else [*row[:2], "where an archive is"])
    columns = [
        Column(title="setting"),
        Column(title="value", shrink=True),
        Column(title="origin" if origin else "meaning", shrink=True),
    ]
    return table(columns, rows, width=width)


def test_text(result: TestResult, width: int) -> str:
    """A contract's verdicts, failures last so that they are seen."""
    ranked = sorted(result.checks, key=lambda check: _RANK[type(check.verdict)])
    head = f"{result.image} against {result.contract} ({result.platform}, {result.sandbox})"
    text = wrapped(head, width) + "\n"
    text += "".join(check_text(check, width) for check in ranked)
    passed = len(result.checks) - result.failed - result.skipped
    return text + f"\n{passed} passed, {result.failed} failed, {result.skipped} skipped\n"


def verify_text(result: VerifyResult, width: int) -> str:
    """An image's claims, each with its verdict."""
    head = f"{result.image} for {result.platform}\n\n"
    return head + "".join(check_text(check, width) for check in result.checks)


_RANK = {Pass: 0, Waived: 1, Skipped: 2, Fail: 3}
