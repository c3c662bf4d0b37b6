"""dpkg's own database, for images in which packages are installed further (dev variants).

What dpkg leaves behind after it has unpacked and configured the same packages: the status file,
each package's lists and maintainer scripts, interests in triggers, diversions and alternatives.
Sources: dpkg(1), deb-triggers(5), dpkg's ``lib/dpkg/{dump,trigdeferred,db-fsys-files}.c``,
update-alternatives(1) and its ``altdb_print``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neve.effects.alternatives import AlternativesRegistry
from neve.effects.bench import EffectContext, Workbench
from neve.formats.deb.control import render_paragraph
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason
from neve.tree import Edit, FileEntry, Kind, Tree

ADMIN = "/var/lib/dpkg"
_EXECUTABLE = ("preinst", "postinst", "prerm", "postrm", "config")
_STATUS = ("Status", "install ok installed")
# The order in which dpkg writes fields; others follow as they came (lib/dpkg/parse.c, fieldinfos).
_ORDER = (
    *("Package", "Essential", "Protected", "Status", "Priority", "Section", "Installed-Size"),
    *("Origin", "Maintainer", "Bugs", "Architecture", "Multi-Arch", "Source", "Version"),
    *("Config-Version", "Replaces", "Provides", "Depends", "Pre-Depends", "Recommends"),
    *("Suggests", "Breaks", "Conflicts", "Enhances", "Conffiles", "Description"),
)
_INTERESTS = {
    "interest": "",
    "interest-await": "",
    "interest-noawait": "/noawait",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was installed: packages in configuration order, the alternatives they registered, and
    ``diversions``: path → (where others find it, the package that diverts).
    """

    packages: tuple[PackageFacts, ...]
    alternatives: AlternativesRegistry
    diversions: Mapping[str, tuple[str, str]]


def plant_installed(tree: Tree, installed: Installed, context: EffectContext) -> tuple[Edit, ...]:
    """Write the database of ``installed`` into ``tree``, as dpkg of the same architecture would."""
    bench = Workbench(tree, context)
    reason = _reason("dpkg", "package database")
    ordered = sorted(installed.packages, key=_name)
    status = b"".join(_paragraph(facts, context) + b"\n" for facts in ordered)
    bench.write(f"{ADMIN}/status", status, reason)
    bench.write(f"{ADMIN}/available", b"", reason)
    bench.write(f"{ADMIN}/info/format", b"1\n", reason)
    bench.write(f"{ADMIN}/diversions", _diversions(installed.diversions), reason)
    bench.write(f"{ADMIN}/statoverride", b"", reason)
    for facts in ordered:
        _plant_info(bench, facts)
    for path, data in _triggers(ordered).items():
        bench.write(f"{ADMIN}/triggers/{path}", data, reason)
    for name, data in installed.alternatives.administration(bench):
        bench.write(f"{ADMIN}/alternatives/{name}", data, reason)
    return tuple(bench.edits)


def _plant_info(bench: Workbench, facts: PackageFacts) -> None:
    """``info/PACKAGE.*``; ``PACKAGE:ARCHITECTURE.*`` for what may be there several times."""
    name = _name(facts)
    stem = f"{ADMIN}/info/{_info_name(facts)}"
    reason = _reason(name, "package database")
    bench.write(f"{stem}.list", _list(facts.entries), reason)
    if facts.md5sums is not None:
        bench.write(f"{stem}.md5sums", facts.md5sums, reason)
    if facts.conffiles:
        text = "".join(f"{path}\n" for path in facts.conffiles)
        bench.write(f"{stem}.conffiles", text.encode("utf-8", "surrogateescape"), reason)
    for kind, data in facts.scripts:
        mode = 0o755 if kind in _EXECUTABLE else 0o644
        bench.write(f"{stem}.{kind}", data, reason, mode=mode)


def _list(entries: Iterable[FileEntry]) -> bytes:
    lines = ["/." if entry.path == "/" else entry.path for entry in entries]
    if "/." not in lines:
        lines.insert(0, "/.")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _paragraph(facts: PackageFacts, context: EffectContext) -> bytes:
    """The package's paragraph of the status file, its configuration files with their MD5."""
    fields = [(name, value) for name, value in facts.control if name not in ("Status", "Conffiles")]
    fields.append(_STATUS)
    held = {entry.path: entry for entry in facts.entries}
    rows = []
    for path in facts.conffiles:
        entry = held.get(path)
        if entry is not None and entry.kind is Kind.FILE:
            digest = hashlib.md5(context.read(entry), usedforsecurity=False).hexdigest()
            rows.append(f"\n {path} {digest}")
    if rows:
        fields.append(("Conffiles", "".join(rows)))
    fields.sort(key=lambda field: _ORDER.index(field[0]) if field[0] in _ORDER else len(_ORDER))
    return render_paragraph(tuple(fields)).encode("utf-8", "surrogateescape")


def _diversions(diversions: Mapping[str, tuple[str, str]]) -> bytes:
    """Three lines each: path, where others find it, the package."""
    rows = [f"{path}\n{to}\n{by}\n" for path, (to, by) in sorted(diversions.items())]
    return "".join(rows).encode("utf-8", "surrogateescape")


def _triggers(packages: Iterable[PackageFacts]) -> dict[str, bytes]:
    """Below ``triggers/``: ``File`` for interests in paths, one file a named trigger."""
    files: list[str] = []
    named: dict[str, list[str]] = {}
    for facts in packages:
        text = dict(facts.scripts).get("triggers", b"").decode("utf-8", "surrogateescape")
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if len(words) != 2 or words[0] not in _INTERESTS:
                continue
            by = f"{_info_name(facts)}{_INTERESTS[words[0]]}"
            if words[1].startswith("/"):
                files.append(f"{words[1]} {by}\n")
            elif "/" not in words[1]:
                named.setdefault(words[1], []).append(f"{by}\n")
    found = {"File": "".join(files), "Unincorp": "", "Lock": ""}
    found |= {name: "".join(rows) for name, rows in named.items()}
    return {name: text.encode("utf-8", "surrogateescape") for name, text in found.items()}


def _name(facts: PackageFacts) -> str:
    return dict(facts.control)["Package"]


def _info_name(facts: PackageFacts) -> str:
    fields = dict(facts.control)
    if fields.get("Multi-Arch") == "same":
        return f"{fields['Package']}:{fields['Architecture']}"
    return fields["Package"]


def _reason(subject: str, detail: str) -> Reason:
    return Reason(Origin.PACKAGE, subject, detail)
