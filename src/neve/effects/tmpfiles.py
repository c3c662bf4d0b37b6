"""``systemd-tmpfiles --create``: the lines of tmpfiles.d(5) that make something lasting.

Understood: directories (d D e v q Q), files (f), links (L), copies (C) and attributes (z Z).
Only below /etc, /run, /srv, /usr and /var: /dev, /proc, /sys and /tmp belong to the running
system. Lines for boot only (``!``) or with a credential (``^``), removals, sockets, devices, ACLs
and extended attributes make nothing that an image holds, and lines whose path names the machine
(``%m``, ``%b``…) can not be known before it runs.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from neve.effects.accounts import Accounts
from neve.effects.bench import EffectError, Workbench, effect_reason
from neve.effects.sysusers import configuration_files
from neve.model import Reason
from neve.tree import Change, Kind

DIRECTORIES = ("/etc/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")
_ROOTS = ("/etc/", "/run/", "/srv/", "/usr/", "/var/")
_SPECIFIERS = {"%%": "%", "%t": "/run", "%S": "/var/lib", "%C": "/var/cache", "%L": "/var/log"}
_SPECIFIER = re.compile("%.")
_AT_RUN_TIME = frozenset("!^")  # for boot only; the argument names a credential of the system
_MAKES_DIRECTORY = frozenset("dDevqQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    kind: str
    plus: bool
    only_if_there: bool
    path: str
    mode: int | None
    user: str | None
    group: str | None
    argument: str


def apply_tmpfiles(
    bench: Workbench, accounts: Accounts, package: str, names: Sequence[str]
) -> None:
    """Make what the named files (all, if none is named) say."""
    for path, text in configuration_files(bench, DIRECTORIES, names):
        reason = effect_reason(package, f"tmpfiles: {posixpath.basename(path)}")
        for number, raw in enumerate(text.splitlines(), start=1):
            line = _parse(raw, f"{path}:{number}", package)
            if line is not None and _place_allowed(bench, line.path):
                _make(bench, accounts, line, reason)


def _place_allowed(bench: Workbench, path: str) -> bool:
    return bench.place(path).startswith(_ROOTS) and posixpath.normpath(path) == path


def _make(bench: Workbench, accounts: Accounts, line: _Line, reason: Reason) -> None:
    uid = None if line.user is None else accounts.uid(line.user)
    gid = None if line.group is None else accounts.gid(line.group)
    entry = bench.tree.get(bench.place(line.path))
    if line.kind in "zZ":
        _attributes(bench, line, uid, gid, reason)
    elif entry is not None and line.kind in _MAKES_DIRECTORY:
        if bench.is_directory(line.path):
            _attributes(bench, line, uid, gid, reason)
    elif line.kind == "e" or (entry is not None and not (line.plus and line.kind in "fL")):
        return
    elif line.kind in _MAKES_DIRECTORY:
        mode = 0o755 if line.mode is None else line.mode
        bench.directory(line.path, reason, mode=mode, uid=uid or 0, gid=gid or 0)
    elif line.kind == "f":
        mode = 0o644 if line.mode is None else line.mode
        data = _unescape(line.argument)
        bench.write(line.path, data, reason, mode=mode, uid=uid or 0, gid=gid or 0)
    elif line.kind == "L":
        target = line.argument or f"/usr/share/factory{line.path}"
        there = posixpath.join(posixpath.dirname(line.path), target)
        if not line.only_if_there or bench.tree.locate(there) is not None:
            bench.link(line.path, target, reason)
    elif line.kind == "C":
        _copy(bench, line, reason)


def _attributes(
    bench: Workbench, line: _Line, uid: int | None, gid: int | None, reason: Reason
) -> None:
    where = bench.tree.resolve(line.path)
    if where not in bench.tree:
        return
    below = [e.path for e in bench.tree.under(where)] if line.kind == "Z" else []
    for path in [where, *below]:
        old = bench.tree.content_entry(bench.tree[path])
        if old.kind is Kind.SYMLINK:
            continue
        mode = line.mode
        if mode is not None and old.kind is not Kind.DIRECTORY:
            mode &= ~0o6000 | old.mode  # no rule of a package adds privilege to a file
        new = (
            old.mode if mode is None else mode,
            old.uid if uid is None else uid,
            old.gid if gid is None else gid,
        )
        if new != (old.mode, old.uid, old.gid):
            bench.edit(Change(path=path, reason=reason, mode=new[0], uid=new[1], gid=new[2]))


def _copy(bench: Workbench, line: _Line, reason: Reason) -> None:
    source = bench.tree.resolve(line.argument or f"/usr/share/factory{line.path}")
    if source not in bench.tree or line.path.startswith(f"{source}/"):
        return
    for entry in [bench.tree[source], *bench.tree.under(source)]:
        target = line.path + entry.path[len(source) :]
        held = bench.tree.content_entry(entry)
        if entry.kind is Kind.DIRECTORY:
            bench.directory(target, reason, mode=entry.mode, uid=entry.uid, gid=entry.gid)
        elif entry.kind is Kind.SYMLINK:
            bench.link(target, entry.target or "", reason)
        elif held.content is not None:
            mode = held.mode & 0o1777
            bench.write(target, held.content, reason, mode=mode, uid=held.uid, gid=held.gid)


def _parse(raw: str, place: str, package: str) -> _Line | None:
    if not raw.strip() or raw.lstrip().startswith("#"):
        return None
    words = _words(raw, place, package)
    kind, modifiers = words[0][:1], words[0][1:]
    if len(words) < 2:
        raise EffectError(package, f"{place}: not a tmpfiles.d line: {raw!r}")
    if kind not in "dDevqQfLCzZ" or set(modifiers) & _AT_RUN_TIME:
        return None
    words += ["-"] * (7 - len(words))
    expanded = [_expand(word) for word in (words[1], words[6])]
    if expanded[0] is None or expanded[1] is None:
        return None
    mode_text = words[2].lstrip(":~")
    if mode_text != "-" and not re.fullmatch("[0-7]{1,5}", mode_text):
        raise EffectError(package, f"{place}: not a mode: {words[2]!r}")
    return _Line(
        kind=kind,
        plus="+" in modifiers,
        only_if_there="?" in modifiers,
        path=expanded[0].rstrip("/") or "/",
        mode=None if mode_text == "-" else int(mode_text, 8) & 0o3777,
        user=None if words[3] == "-" else words[3].lstrip(":"),
        group=None if words[4] == "-" else words[4].lstrip(":"),
        argument="" if expanded[1] == "-" else expanded[1],
    )


def _words(raw: str, place: str, package: str) -> list[str]:
    """Six quoted words, and the rest of the line as it stands (tmpfiles.d(5))."""
    parts = raw.split(None, 6)
    try:
        head = shlex.split(" ".join(parts[:6]))
    except ValueError as error:
        raise EffectError(package, f"{place}: {error}") from None
    return [*head, parts[6].strip()] if len(parts) > 6 and len(head) == 6 else head


def _expand(text: str) -> str | None:
    """``text`` with specifiers put in; ``None`` where one depends on the running system."""
    if any(found not in _SPECIFIERS for found in _SPECIFIER.findall(text)):
        return None
    return _SPECIFIER.sub(lambda found: _SPECIFIERS[found.group()], text)


def _unescape(text: str) -> bytes:
    """C-style escapes, as systemd's ``cunescape``: the ones tmpfiles.d files use."""
    table = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\"}
    return re.sub(r"\\[ntr\\]", lambda found: table[found.group()], text).encode()
