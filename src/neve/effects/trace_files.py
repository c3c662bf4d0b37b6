"""From a script's changes to files, directories, links and accounts, as operations.

Pure. What a generator or an account operation makes, what is a tool's own state, and what was
not the same in two runs never becomes a literal file; the last is told as a problem.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    CopyFile,
    DeletePath,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    SetAttributes,
    WriteFile,
)
from neve.model import Digest
from neve.sandbox.trace_record import Change, Node

GENERATED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"/etc/ld\.so\.cache|/var/cache/ldconfig(/.*)?"), "ld.so.cache"),
    (re.compile(r"/etc/ssl/certs/java/cacerts"), "java-cacerts"),
    (re.compile(r"/etc/ssl/certs/ca-certificates\.crt"), "ca-certificates"),
    (re.compile(r"/etc/ca-certificates\.conf"), "ca-certificates"),
    (re.compile(r"/usr/share/mime/(?!packages(/|$)).*"), "mime"),
    (re.compile(r".*/schemas/gschemas\.compiled"), "glib-schemas"),
    (re.compile(r".*/giomodule\.cache"), "gio-modules"),
    (re.compile(r"/var/cache/fontconfig(/.*)?|/usr/.*/\.uuid"), "fontconfig"),
    (re.compile(r"/etc/php/[^/]+/[^/]+/conf\.d/[^/]+\.ini"), "php-modules"),
)
"""Paths that a generator makes from the finished tree."""

_STATE = re.compile(
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock|/etc/alternatives(/.*)?"
    r"|/var/lib/ucf(/.*)?|/var/log/(alternatives|dpkg)\.log|/var/cache/(debconf|man|apt)(/.*)?"
    r"|/var/lib/(dpkg|systemd/deb-systemd-[^/]+|pam|update-rc\.d)(/.*)?|/root(/.*)?"
    r"|/etc/rc[0-6S]\.d(/.*)?|.*/__pycache__(/.*)?|.*\.pyc|.*\.dpkg-(old|dist|new|tmp)"
    r"|/var/lib/(php|apache2)/(modules|module|conf|site)(/.*)?|/var/lib/xml-core(/.*)?"
    r"|/(dev|proc|sys|tmp|neve)(/.*)?|/run/(utmp|systemd(/.*)?)|/var/cache/texmf(/.*)?"
    r"|/etc/shells|/var/lib/shells\.state|/var/lib/ca-certificates-java(/.*)?"
)
"""A tool's record of what it did, and what is no part of an image."""

_DATED = re.compile(
    rb"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) "
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]?\d (?:\d\d:\d\d:\d\d|20\d\d)"
)


@dataclass(slots=True)
class FromFiles:
    """``operations`` in path order; ``problems`` are what was left out and why."""

    operations: list[Operation] = field(default_factory=list)
    generated: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    rewritten: set[str] = field(default_factory=set)
    """Packaged paths whose content the script edited: their content decided the result."""


def combine(changes: Iterable[Change]) -> dict[str, Change]:
    """One change a path over all stages: the first state before, the last one after."""
    combined: dict[str, Change] = {}
    for change in changes:
        first = combined.get(change.path)
        before = first.before if first is not None else change.before
        combined[change.path] = replace(change, before=before)
    return {path: c for path, c in sorted(combined.items()) if c.before != c.after}


def read_files(
    changes: Mapping[str, Change],
    *,
    explained: set[str],
    unstable: frozenset[str],
    packaged_content: Mapping[Digest, str],
) -> FromFiles:
    """Operations for all changes that nothing else explains."""
    found = FromFiles()
    for path, change in changes.items():
        if path in explained or _STATE.fullmatch(path) or _is_runtime_file(change):
            continue
        generator = next((name for rule, name in GENERATED if rule.fullmatch(path)), None)
        if generator is not None:
            found.generated.add(generator)
            continue
        problem = _refused(change, unstable, packaged_content) or _dangling(change, unstable)
        if problem is not None:
            found.problems.append(f"{path}: {problem}")
            continue
        found.operations.extend(_operations(change, packaged_content, changes))
        old, new = change.before, change.after
        if old is not None and new is not None and old.kind == new.kind == "file":
            if old.digest != new.digest:
                found.rewritten.add(path)
            if new.mode & 0o6000 & ~old.mode:
                found.problems.append(f"{path}: setuid or setgid left out")
    return found


def read_accounts(
    changes: Mapping[str, Change], allocators: Mapping[str, str], fixed: frozenset[str]
) -> list[Operation]:
    """Accounts that commands made, from what the account files say before and after."""
    operations: list[Operation] = []
    groups = _added(changes.get("/etc/group"))
    users = _added(changes.get("/etc/passwd"))
    names = {fields[2]: fields[0] for fields in _rows(changes.get("/etc/group"), after=True)}
    for fields in groups:
        if fields[0] in allocators:
            chosen = int(fields[2]) if fields[0] in fixed else None
            allocator = allocators[fields[0]]
            operations.append(AddGroup(name=fields[0], gid=chosen, allocator=allocator))
    for fields in users:
        name, _, uid, gid, comment, home, shell = fields[:7]
        if name not in allocators:
            continue
        operations.append(
            AddUser(
                name=name,
                uid=int(uid) if name in fixed else None,
                group=names.get(gid, _STATIC_GROUPS.get(gid, gid)),
                home=posixpath.normpath(home) if home.startswith("/") else "/nonexistent",
                shell=shell,
                comment=comment,
                allocator=allocators[name],
            )
        )
    operations.extend(_memberships(changes.get("/etc/group")))
    return operations


_STATIC_GROUPS = {"65534": "nogroup", "0": "root"}


def _is_runtime_file(change: Change) -> bool:
    """Locks and the like below ``/run``, which starts empty; its directories are kept."""
    return change.path.startswith("/run/") and (
        change.after is None or change.after.kind != "directory"
    )


def _refused(
    change: Change, unstable: frozenset[str], packaged_content: Mapping[Digest, str]
) -> str | None:
    node = change.after
    if change.path in unstable:
        return "left out: not the same in two runs (random, or the host's)"
    if node is None:
        return None
    if node.kind == "special":
        return "left out: a device, socket or pipe"
    old = change.before.digest if change.before is not None else None
    if node.digest is not None and (node.digest == old or node.digest in packaged_content):
        return None
    if node.kind == "file" and node.data is None:
        return "left out: larger than a traced file may be"
    if node.data is not None and _DATED.search(node.data):
        return "left out: it holds the time of the run"
    return None


def _dangling(change: Change, unstable: frozenset[str]) -> str | None:
    node = change.after
    if node is None or node.target is None:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(change.path), node.target))
    return f"left out: it links to {target}, which is" if target in unstable else None


def _operations(
    change: Change, packaged_content: Mapping[Digest, str], changes: Mapping[str, Change]
) -> Iterator[Operation]:
    path, old, new = change.path, change.before, change.after
    if new is None:
        parent = changes.get(posixpath.dirname(path))
        if parent is None or parent.after is not None:
            yield DeletePath(path=path)
        return
    match new.kind:
        case "directory":
            yield _directory(path, old, new)
        case "symlink":
            yield MakeLink(path=path, target=new.target or "")
        case "file":
            if old is not None and old.kind == "file" and old.digest == new.digest:
                yield from _attributes(path, old, new)
            else:
                yield _file(path, new, packaged_content)
        case _:
            return


def _directory(path: str, old: Node | None, new: Node) -> Operation:
    if old is not None and old.kind == "directory":
        return SetAttributes(
            path=path,
            mode=new.mode if new.mode != old.mode else None,
            owner=new.owner if new.owner != old.owner else None,
            group=new.group if new.group != old.group else None,
        )
    return MakeDirectory(path=path, mode=new.mode, owner=new.owner, group=new.group)


def _attributes(path: str, old: Node, new: Node) -> Iterator[Operation]:
    mode = new.mode & ~0o6000 | old.mode & 0o6000  # never more privilege than packaged
    kept = SetAttributes(
        path=path,
        mode=mode & ~0o6000 if mode != old.mode else None,
        owner=new.owner if new.owner != old.owner else None,
        group=new.group if new.group != old.group else None,
    )
    if (kept.mode, kept.owner, kept.group) != (None, None, None):
        yield kept


def _file(path: str, node: Node, packaged_content: Mapping[Digest, str]) -> Operation:
    source = packaged_content.get(node.digest) if node.digest is not None and node.data else None
    mode = node.mode & ~0o6000
    if source is not None and source != path:
        return CopyFile(path=path, source=source, mode=mode, owner=node.owner, group=node.group)
    return WriteFile(
        path=path, data=node.data or b"", mode=mode, owner=node.owner, group=node.group
    )


def _rows(change: Change | None, *, after: bool) -> list[list[str]]:
    node = None if change is None else change.after if after else change.before
    if node is None or node.data is None:
        return []
    lines = node.data.decode("utf-8", "replace").split("\n")
    return [line.split(":") for line in lines if line.count(":") >= 3]


def _added(change: Change | None) -> list[list[str]]:
    known = {fields[0] for fields in _rows(change, after=False)}
    return [fields for fields in _rows(change, after=True) if fields[0] not in known]


def _memberships(change: Change | None) -> list[Operation]:
    before = {fields[0]: set(fields[3].split(",")) for fields in _rows(change, after=False)}
    found: list[Operation] = []
    for fields in _rows(change, after=True):
        for user in fields[3].split(","):
            if user and user not in before.get(fields[0], set()):
                found.append(AddMember(user=user, group=fields[0]))
    return found


def generate_operations(names: Iterable[str]) -> list[Operation]:
    """Requests for the generators whose paths changed, without arguments."""
    return [Generate(generator=name) for name in sorted(names)]
