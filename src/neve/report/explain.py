"""``plan``, ``why`` and ``diff`` as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neve.model import Check, Fail, Pass, Skipped, Waived
from neve.report.table import Column, size_text, table

if TYPE_CHECKING:
    from neve.verbs.diff import Changed, DiffResult
    from neve.verbs.plan import PlanResult, RuleCount
    from neve.verbs.why import PackageReason, WhyResult

_SHOWN = 40


def plan_text(result: PlanResult, width: int) -> str:
    """Packages with their reasons, then what rules add, remove and judge."""
    rows = [
        [
            package.name,
            package.version,
            size_text(package.size),
            size_text(package.kept),
            package.scripts,
            "yes" if package.stored else "fetch",
            _last(package.because),
        ]
        for package in sorted(result.packages, key=lambda p: -p.kept)
    ]
    columns = [
        Column(title="package", shrink=True),
        Column(title="version", shrink=True),
        Column(title="download", number=True),
        Column(title="kept", number=True),
        Column(title="scripts"),
        Column(title="stored"),
        Column(title="because", shrink=True),
    ]
    text = f"{result.name} {result.variant} for {result.platform}\n\n"
    text += table(columns, rows, width=width)
    text += "".join(
        f"dropped {dropped.name} {dropped.version}: {dropped.evidence} ({dropped.rule})\n"
        for dropped in result.dropped
    )
    text += "\n" + _rules("added by", result.added) + _rules("removed by", result.removed)
    text += "\n" + "".join(check_line(check) + "\n" for check in result.checks)
    to_fetch = sum(1 for package in result.packages if not package.stored)
    text += (
        f"\n{len(result.packages)} packages ({to_fetch} to fetch, "
        f"{size_text(result.download_size)} in all), {result.files} files, "
        f"{size_text(result.installed_size)}\n"
    )
    return text


def _last(because: Sequence[str]) -> str:
    return because[-1] if because else ""


def _rules(title: str, counts: Sequence[RuleCount]) -> str:
    return "".join(
        f"{title} {count.origin.value} {count.subject}: {count.paths} paths\n"
        for count in counts[:_SHOWN]
    ) + _more(len(counts) - _SHOWN)


def _more(number: int) -> str:
    return f"… and {number} more (--format json shows all)\n" if number > 0 else ""


def check_line(check: Check) -> str:
    """One verdict in a line; the word comes first, so colour is never needed."""
    match check.verdict:
        case Pass(evidence):
            return f"pass     {check.rule}: {check.subject} {evidence}".rstrip()
        case Fail(evidence):
            return f"FAIL     {check.rule}: {check.subject}: {evidence}"
        case Skipped(reason):
            return f"skipped  {check.rule}: {check.subject}: {reason}"
        case Waived(waiver, failure):
            why = f"{failure.evidence}; {waiver.owner}: {waiver.reason}"
            return f"waived   {check.rule}: {check.subject}: {why}"


def why_text(result: WhyResult, width: int) -> str:
    """The answer as a short text."""
    del width
    match result.state:
        case "path":
            return _path_text(result)
        case "removed":
            return f"{result.target} is not in the image: removed by {result.reason}\n"
        case "dropped":
            return f"{result.target} was dropped ({result.reason}): {result.evidence}\n"
        case _:
            text = "".join(_package_text(package) for package in result.packages)
            return text + f"  {result.paths} paths of it are in the image\n"


def _path_text(result: WhyResult) -> str:
    entry = result.path
    if entry is None:
        return ""
    text = f"{entry.path}  {entry.kind.value} {entry.mode:04o} {entry.uid}:{entry.gid}"
    text += f" {size_text(entry.size)}" if entry.digest is not None else ""
    text += f" → {entry.target}" if entry.target is not None else ""
    text += f"\n  put there by {entry.reason}\n"
    if entry.digest is not None:
        text += f"  {entry.digest}\n"
    return text + "".join(_package_text(package) for package in result.packages)


def _package_text(package: PackageReason) -> str:
    text = f"{package.name} {package.version} ({package.architecture}) from {package.archive}\n"
    text += "".join(f"  {'  ' * i}{link}\n" for i, link in enumerate(package.because))
    if package.effect is not None:
        effect = package.effect
        text += f"  its scripts: {effect.provenance} effect {effect.effect}\n"
    return text


def diff_text(result: DiffResult, width: int) -> str:
    """What differs, a section a kind; files are cut after a screenful."""
    if result.empty:
        return f"no difference between {result.before} and {result.after}\n"
    text = ""
    for title, changes in (
        ("packages", result.packages),
        ("users", result.users),
        ("groups", result.groups),
        ("configuration", result.configuration),
        ("loosened", result.loosened),
        ("files", result.files),
    ):
        text += _section(title, changes, width)
    before, after = result.totals
    rows = [
        ["packages", str(before.packages), str(after.packages)],
        ["files", str(before.files), str(after.files)],
        ["size", size_text(before.size), size_text(after.size)],
    ]
    columns = [
        Column(title="total"),
        Column(title="before", number=True),
        Column(title="after", number=True),
    ]
    return text + table(columns, rows, width=width)


def _section(title: str, changes: Sequence[Changed], width: int) -> str:
    if not changes:
        return ""
    rows = [[_mark(c), c.name, c.before or "", c.after or ""] for c in changes[:_SHOWN]]
    columns = [
        Column(title=""),
        Column(title=title, shrink=True),
        Column(title="before", shrink=True),
        Column(title="after", shrink=True),
    ]
    return table(columns, rows, width=width) + _more(len(changes) - _SHOWN) + "\n"


def _mark(change: Changed) -> str:
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"
