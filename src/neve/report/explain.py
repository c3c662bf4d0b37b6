"""``plan``, ``why`` and ``diff`` as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from neve.model import Check, Fail, Pass, Skipped, Waived
from neve.report.costs import costs_text
from neve.report.table import Column, size_text, table, wrapped

if TYPE_CHECKING:
    from neve.verbs.diff import Changed, DiffResult
    from neve.verbs.plan import PlanResult, RuleCount
    from neve.verbs.trusted import CertificateReason
    from neve.verbs.why import AccountReason, PackageReason, WhyResult

_SHOWN = 40
_FIELDS = {"user": ("uid", "gid", "comment", "home", "shell"), "group": ("gid", "members")}


def plan_text(result: PlanResult, width: int) -> str:
    """Packages with their reasons, then what rules add, remove and judge."""
    rows = [
        [
            package.name,
            package.version,
            size_text(package.kept),
            _asker(package.because),
            package.scripts,
            size_text(package.size),
            "yes" if package.stored else "fetch",
        ]
        for package in sorted(result.packages, key=lambda p: (-p.kept, p.name))
    ]
    columns = [
        Column(title="package"),
        Column(title="version", shrink=True),
        Column(title="kept", number=True),
        Column(title="asked for by", shrink=True),
        Column(title="scripts", spare=True),
        Column(title="download", number=True, spare=True),
        Column(title="stored", spare=True),
    ]
    text = f"{result.name} {result.variant} for {result.platform}\n\n"
    text += table(columns, rows, width=width) + "\n"
    for dropped in result.dropped:
        line = f"dropped {dropped.name} {dropped.version}: {dropped.evidence} ({dropped.rule})"
        text += wrapped(line, width)
    text += "\n" + _rules("added by", result.added) + _rules("removed by", result.removed)
    text += "\n" + "".join(check_text(check, width, fail="warning") for check in result.checks)
    to_fetch = sum(1 for package in result.packages if not package.stored)
    total = (
        f"{len(result.packages)} packages ({to_fetch} to fetch, "
        f"{size_text(result.download_size)} in all), {result.files} files, "
        f"{size_text(result.installed_size)}"
    )
    text += "\n" + wrapped(total, width) + f"scripts: {_scripts(result)}\n"
    if result.costs is None:
        return text + wrapped("what each line brings: neve plan --costs", width)
    return text + "\n" + costs_text(result.costs, width)


def _asker(because: Sequence[str]) -> str:
    """Who asked last: the package before the arrow, or the recipe's own request."""
    return because[-1].partition(" → ")[0].partition(": ")[0] if because else ""


def _scripts(result: PlanResult) -> str:
    """How many packages' scripts are answered by what."""
    answered = Counter(package.scripts for package in result.packages)
    return ", ".join(f"{count} {name}" for name, count in sorted(answered.items()))


def _rules(title: str, counts: Sequence[RuleCount]) -> str:
    return "".join(
        f"{title} {count.origin.value} {count.subject}: {_paths(count.paths)}\n"
        for count in counts[:_SHOWN]
    ) + _more(len(counts) - _SHOWN)


def _paths(number: int) -> str:
    return f"{number} path" if number == 1 else f"{number} paths"


def _more(number: int) -> str:
    return f"… and {number} more (--format json shows all)\n" if number > 0 else ""


def check_text(check: Check, width: int, *, fail: str = "FAIL") -> str:
    """One verdict in a line or more of at most ``width`` characters."""
    return wrapped(check_line(check, fail=fail), width, indent=9)


def check_line(check: Check, *, fail: str = "FAIL") -> str:
    """One verdict in a line; the word comes first, so colour is never needed. ``fail`` is what
    a failure is called that stops nothing.
    """
    match check.verdict:
        case Pass(evidence):
            return f"pass     {check.rule}: {check.subject}: {evidence}".rstrip(": ")
        case Fail(evidence):
            return f"{fail:<8} {check.rule}: {check.subject}: {evidence}"
        case Skipped(reason):
            return f"skipped  {check.rule}: {check.subject}: {reason}"
        case Waived(waiver, failure):
            why = f"{failure.evidence}; {waiver.owner}: {waiver.reason}"
            return f"waived   {check.rule}: {check.subject}: {why}"


def why_text(result: WhyResult, width: int) -> str:
    """The answer as a short text."""
    return "".join(wrapped(line, width, indent=6) for line in _why_lines(result))


def _why_lines(result: WhyResult) -> Iterator[str]:
    match result.state:
        case "path":
            yield from _path_lines(result)
        case "removed":
            yield f"{result.target} is not in the image: removed by {result.reason}"
        case "left-out":
            yield f"{result.target} is not in the image, on purpose: {result.reason}"
        case "certificate":
            for certificate in result.certificates:
                yield from _certificate_lines(certificate)
        case "dropped":
            yield f"{result.target} was dropped ({result.reason}): {result.evidence}"
        case "package":
            for package in result.packages:
                yield from _package_lines(package)
            yield f"  {_paths(result.paths)} of it in the image"
        case _:
            pass
    for account in result.accounts:
        yield from _account_lines(account)


def _account_lines(one: AccountReason) -> Iterator[str]:
    shown = zip(_FIELDS.get(one.kind, ()), one.fields, strict=False)
    yield f"{one.kind} {one.name}  " + ", ".join(f"{name} {text}" for name, text in shown if text)
    yield f"  made by {one.reason or 'something that this image does not tell'}"
    for package in one.packages:
        yield from _package_lines(package)


def _path_lines(result: WhyResult) -> Iterator[str]:
    entry = result.path
    if entry is None:
        return
    text = f"{entry.path}  {entry.kind.value} {entry.mode:04o} {entry.uid}:{entry.gid}"
    text += f" {size_text(entry.size)}" if entry.digest is not None else ""
    yield text + (f" → {entry.target}" if entry.target is not None else "")
    yield f"  put there by {entry.reason}"
    if entry.digest is not None:
        yield f"  {entry.digest}"
    for package in result.packages:
        yield from _package_lines(package)
    for certificate in result.certificates:
        yield f"  holds certificates[{certificate.name}] of the recipe: {_who(certificate)}"


def _certificate_lines(one: CertificateReason) -> Iterator[str]:
    yield f"certificates[{one.name}] of the recipe, from {one.source}"
    yield f"  {_who(one)}"
    yield f"  sha256:{one.fingerprint}"
    if one.trust != "authority":
        yield f"  trusted as {one.trust}: for itself alone"
    for path, readers in one.stores:
        yield f"  in {path} ({readers})"


def _who(one: CertificateReason) -> str:
    issuer = "" if one.issuer == one.subject else f", issued by {one.issuer}"
    return f"{one.subject}{issuer}, {one.valid_from} to {one.valid_until}"


def _package_lines(package: PackageReason) -> Iterator[str]:
    yield f"{package.name} {package.version} ({package.architecture}) from {package.archive}"
    for depth, link in enumerate(package.because):
        yield f"  {'  ' * depth}{link}"
    if package.effect is not None:
        effect = package.effect
        yield f"  its scripts: {effect.provenance} effect {effect.effect}"


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
        ("certificates", result.certificates),
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
    folded = _fold(changes)
    shown = folded[:_SHOWN] if title == "files" else folded
    columns = [
        Column(title=""),
        Column(title=title, shrink=True),
        Column(title="before", shrink=True),
        Column(title="after", shrink=True),
    ]
    return table(columns, shown, width=width) + _more(len(folded) - len(shown)) + "\n"


def _fold(changes: Sequence[Changed]) -> list[list[str]]:
    """Rows; what lies below a directory that came or went as a whole is counted beside it."""
    rows: list[list[str]] = []
    top, below = "", 0
    ordered = sorted(changes, key=lambda change: change.name.split("/"))
    for change in (*ordered, None):
        if change is not None and top and change.name.startswith(f"{top}/"):
            below += 1
            continue
        if below:
            rows[-1][1] += f" and {_paths(below)} below"
        top, below = "", 0
        if change is not None:
            rows.append([_mark(change), change.name, change.before or "", change.after or ""])
            one_sided = change.before or change.after or ""
            if _mark(change) != "~" and one_sided.startswith("directory "):
                top = change.name
    return rows


def _mark(change: Changed) -> str:
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"
