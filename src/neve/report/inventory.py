"""What is in an image, as text: a summary, and the sections that were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from neve.errors import UsageError
from neve.report.sections import Row, Section, sections_text
from neve.report.table import Column, size_text
from neve.surface import usable, weaknesses
from neve.tree import Kind

if TYPE_CHECKING:
    from neve.inventory import Certificate, InventoryFile
    from neve.verbs.inspect import InspectResult

_FEW = 4
_SOON = 30 * 86_400


def inventory_text(result: InspectResult, shown: Sequence[str], width: int) -> str:
    """The summary, or the sections called ``shown`` (names of ``SECTIONS``, or ``all``)."""
    if not shown:
        return sections_text(_summary(result), width)
    names = SECTIONS if "all" in shown else [name for name in SECTIONS if name in shown]
    return sections_text((SECTIONS[name](result) for name in names), width)


def parse_sections(texts: Sequence[str]) -> tuple[str, ...]:
    """Names of sections, commas allowed; ``UsageError`` for one that there is not."""
    names = [word.strip() for text in texts for word in text.split(",")]
    for name in names:
        if name != "all" and name not in SECTIONS:
            raise UsageError(
                f"{name}: there is no such section",
                resolution=f"There are {', '.join(SECTIONS)}; or all.",
            )
    return tuple(names)


def _summary(result: InspectResult) -> Iterator[Section]:
    rows = [(name, text) for name, text in _facts(result) if text]
    yield Section(
        title="",
        columns=(Column(title=""), Column(title=result.image, shrink=True)),
        rows=tuple(rows),
        notes=_hints(result),
    )


def _facts(result: InspectResult) -> Iterator[Row]:
    release, held = result.os_release, result.configuration
    yield "digest", result.digest
    yield "distribution", release.name or release.id or "none known"
    if held is not None:
        yield "platform", held.platform
        yield "created", held.created
        yield "entrypoint", " ".join(held.entrypoint)
        yield "command", " ".join(held.command)
        yield "working directory", held.workdir
    yield "runs as", result.runs_as
    if result.layers:
        stored, plain = (
            sum(layer.size for layer in result.layers),
            sum(layer.inflated for layer in result.layers),
        )
        sizes = f"{size_text(stored)} stored, {size_text(plain)} unpacked"
        yield "layers", f"{len(result.layers)}: {sizes}"
    yield from _contents(result)
    yield from _dangers(result)
    yield "not judged", _few([f"{item.path}: {item.reason}" for item in result.unjudged])


def _contents(result: InspectResult) -> Iterator[Row]:
    regular = [item for item in result.files if item.kind is Kind.FILE]
    total = size_text(sum(item.size for item in regular))
    executables = sum(1 for item in result.files if item.executable)
    yield "packages", _counted(Counter(package.type.value for package in result.packages))
    yield "files", f"{len(result.files):,} paths, {total}, {executables:,} executables"
    for role in dict.fromkeys(program.role for program in result.programs):
        found = [program for program in result.programs if program.role is role]
        families = sorted({program.family for program in found})
        yield f"{role.value.replace('-', ' ')}s", f"{len(found):,}: {', '.join(families)}"
    yield "services", _few([service.name for service in result.services])
    ports = dict.fromkeys(f"{port.port}/{port.protocol}" for port in result.ports)
    yield "ports", _few(list(ports))


def _dangers(result: InspectResult) -> Iterator[Row]:
    files = result.files
    yield "setuid, setgid, caps", _few([item.path for item in files if item.privileged])
    yield "world-writable", _few([item.path for item in files if item.world_writable])
    yield "login accounts", _few([item.name for item in result.accounts if usable(item)])
    yield "certificates", _certificate_facts(result)
    yield "secrets", _few([f"{path} ({secret.rule})" for path, secret in result.secrets])
    yield "changed files", _few([f"{item.path} ({item.change.value})" for item in result.changed])
    unowned = sum(1 for item in files if _unowned(item))
    yield "unowned files", f"{unowned:,}" if unowned else ""
    weak = [path for path, hardening in result.hardening if weaknesses(hardening)]
    yield "weak binaries", _few(weak)


def _certificate_facts(result: InspectResult) -> str:
    if not result.certificates:
        return ""
    unique = {item.fingerprint: item for _, item in result.certificates}.values()
    expired = sum(1 for item in unique if item.not_after < _now(result))
    ending = [item.not_after for item in unique if item.not_after >= _now(result)]
    soon = sum(1 for end in ending if end < _now(result) + _SOON)
    text = f"{len(unique):,}"
    text += f", {expired:,} expired" if expired else ""
    text += f", {soon:,} within 30 days" if soon else ""
    return text + (f", the next ends {_day(min(ending))}" if ending else "")


def _now(result: InspectResult) -> int:
    """The midnight as of which certificates were judged, in seconds since 1970."""
    return int(datetime.combine(result.judged_on, time(), UTC).timestamp())


def _hints(result: InspectResult) -> tuple[str, ...]:
    hint = "--show packages (files, elf, programs, …, all) lists them; --format json has everything"
    if result.depth.value != "full":
        return (
            f"looked at {result.depth.value} only: what is missing here may still be there",
            hint,
        )
    return (hint,)


def _few(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = len(names) - _FEW
    return f"{len(names):,}: {', '.join(names[:_FEW])}" + (
        f" and {more:,} more" if more > 0 else ""
    )


def _counted(counts: Mapping[str, int]) -> str:
    if not counts:
        return "none"
    each = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    return f"{sum(counts.values()):,}: {each}"


def _day(seconds: int) -> str:
    """A date; certificates may claim years that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"


def _section(title: str, heads: Sequence[str], rows: Iterable[Row]) -> Section:
    """A section whose last column gives way; number columns end in ``#``."""
    found = tuple(rows)
    columns = tuple(
        Column(title=head.rstrip("#"), number=head.endswith("#"), shrink=not head.endswith("#"))
        for head in heads
    )
    notes = () if found else ("none",)
    return Section(title=f"{title}: {len(found):,}", columns=columns, rows=found, notes=notes)


def _packages(result: InspectResult) -> Section:
    rows = (
        (
            package.type.value,
            package.name,
            package.version,
            package.architecture,
            f"{package.source} {package.source_version}".strip(),
            package.owner,
        )
        for package in result.packages
    )
    heads = ("type", "name", "version", "architecture", "source", "inside of")
    return _section("packages", heads, rows)


def _files(result: InspectResult) -> Section:
    return _section("files", _FILE_HEADS, map(_file_row, result.files))


_FILE_HEADS = ("mode", "owner", "size#", "path", "package")


def _file_row(item: InventoryFile) -> Row:
    arrow = f" → {item.target}" if item.target is not None else ""
    special = " (capabilities)" if item.capable else ""
    return (
        f"{item.kind.value[0]}{item.mode:04o}",
        f"{item.uid}:{item.gid}",
        f"{item.size}" if item.kind is Kind.FILE else "",
        f"{item.path}{arrow}{special}",
        ", ".join(item.owners),
    )


def _elf(result: InspectResult) -> Section:
    known = dict(result.hardening)
    rows = []
    for path, facts in result.elf:
        hardening = known.get(path)
        lacks = "" if hardening is None else ", ".join(weaknesses(hardening))
        relro = "" if hardening is None else hardening.relro.value
        canary = "" if hardening is None or hardening.canary is None else _yes(hardening.canary)
        rows.append((path, relro, canary, lacks, ", ".join(facts.needed)))
    return _section("ELF files", ("path", "RELRO", "canary", "lacks", "needs"), rows)


def _yes(value: bool) -> str:  # noqa: FBT001 - it is the value that is told
    return "yes" if value else "no"


def _programs(result: InspectResult) -> Section:
    rows = ((p.role.value, p.family, p.path, p.evidence) for p in result.programs)
    return _section("programs", ("role", "family", "path", "known by"), rows)


def _accounts(result: InspectResult) -> Section:
    rows = (
        (
            account.name,
            f"{account.uid}:{account.gid}",
            account.home,
            account.shell + ("" if account.login else " (no login)"),
            account.password,
        )
        for account in result.accounts
    )
    return _section("accounts", ("name", "ids", "home", "shell", "password"), rows)


def _certificates(result: InspectResult) -> Section:
    rows = sorted(
        (item.not_after, item.subject, path, _certificate_state(item, _now(result)), item.key)
        for path, item in result.certificates
    )
    heads = ("ends", "state", "subject", "key", "path")
    return _section(
        "certificates",
        heads,
        ((_day(end), state, who, key, at) for end, who, at, state, key in rows),
    )


def _certificate_state(item: Certificate, now: int) -> str:
    if item.not_after < now:
        return "EXPIRED"
    if item.not_before > now:
        return "not yet valid"
    return "ends soon" if item.not_after < now + _SOON else "valid"


def _secrets(result: InspectResult) -> Section:
    rows = (
        (s.rule, f"{path}:{s.line}" if s.line else path, s.hint, s.package)
        for path, s in result.secrets
    )
    return _section("secrets", ("looks like", "where", "begins", "brought by"), rows)


def _services(result: InspectResult) -> Section:
    rows = ((item.name, item.manager, item.path) for item in result.services)
    return _section("services", ("name", "manager", "path"), rows)


def _ports(result: InspectResult) -> Section:
    rows = ((f"{item.port}/{item.protocol}", item.evidence) for item in result.ports)
    return _section("ports", ("port", "known from"), rows)


def _changed(result: InspectResult) -> Section:
    rows = ((item.change.value, item.package, item.path) for item in result.changed)
    return _section("changed files", ("how", "package", "path"), rows)


def _unowned(item: InventoryFile) -> bool:
    return not item.owners and item.kind in (Kind.FILE, Kind.HARDLINK, Kind.SYMLINK)


def _unowned_files(result: InspectResult) -> Section:
    rows = (_file_row(item)[:-1] for item in result.files if _unowned(item))
    return _section("files that no package owns", _FILE_HEADS[:-1], rows)


def _layers(result: InspectResult) -> Section:
    rows = (
        (
            str(layer.digest or layer.diff_id),
            size_text(layer.size),
            size_text(layer.inflated),
            f"{layer.members:,}",
        )
        for layer in result.layers
    )
    return _section("layers", ("digest", "stored#", "unpacked#", "members#"), rows)


def _unjudged(result: InspectResult) -> Section:
    rows = ((item.path, item.reason) for item in result.unjudged)
    return _section("not judged", ("path", "why"), rows)


SECTIONS: Mapping[str, Callable[[InspectResult], Section]] = {
    "packages": _packages,
    "files": _files,
    "elf": _elf,
    "programs": _programs,
    "accounts": _accounts,
    "certificates": _certificates,
    "secrets": _secrets,
    "services": _services,
    "ports": _ports,
    "changed": _changed,
    "unowned": _unowned_files,
    "layers": _layers,
    "unjudged": _unjudged,
}
"""The sections that ``neve inspect --show`` knows."""
