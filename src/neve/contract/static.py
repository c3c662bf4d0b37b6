"""The checks that need nothing but the tree and the configuration."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from neve.contract.expect import excerpt
from neve.contract.subject import Subject, is_mounted, may_write, owner_and_mode
from neve.contract.types import Contract, FileRule, Presence
from neve.errors import HostileInputError
from neve.model import Check, Fail, Pass, Skipped, Verdict
from neve.tree import FileEntry, Kind

_SHELLS = ("ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "zsh")
_PLACES = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_KINDS = {"file": (Kind.FILE, Kind.HARDLINK), "directory": (Kind.DIRECTORY,)}
_CONTENT_LIMIT = 1 << 24


def static_checks(contract: Contract, subject: Subject) -> Iterator[Check]:
    """Judge ``runs_as``, ``shell``, ``files``, ``writable`` and ``not_writable``."""
    if contract.runs_as is not None:
        yield Check(
            rule="runs-as", subject=str(contract.runs_as), verdict=_runs_as(contract, subject)
        )
    if contract.shell is not None:
        yield Check(rule="shell", subject=contract.shell, verdict=_shell(contract.shell, subject))
    for rule in contract.files:
        yield Check(rule="file", subject=rule.path, verdict=_file(rule, subject))
    for path in contract.writable:
        yield Check(rule="writable", subject=path, verdict=_writable(path, subject))
    for path in contract.not_writable:
        yield Check(rule="not-writable", subject=path, verdict=_not_writable(path, subject))


def _runs_as(contract: Contract, subject: Subject) -> Verdict:
    seen = f"the configuration runs it as {subject.image.uid}:{subject.image.gid}"
    return Pass(seen) if subject.image.uid == contract.runs_as else Fail(seen)


def _shell(wanted: Presence, subject: Subject) -> Verdict:
    found = []
    for place in _PLACES:
        for name in _SHELLS:
            entry = _located(subject, f"{place}/{name}")
            if entry is not None and entry.kind in _KINDS["file"] and entry.mode & 0o111:
                found.append(entry.path)
    shells = sorted(set(found))
    if wanted is Presence.ABSENT:
        return Fail(f"found {', '.join(shells)}") if shells else Pass("no shell found")
    return Pass(f"found {', '.join(shells)}") if shells else Fail("no shell found")


def _file(rule: FileRule, subject: Subject) -> Verdict:
    if not any(mark in rule.path for mark in "*?"):
        return _one_file(rule, subject)
    matches = _matching(rule.path, subject)
    if rule.presence is Presence.ABSENT:
        return Fail(f"found {', '.join(matches[:5])}") if matches else Pass("absent")
    if not matches:
        return Fail("nothing in the image matches")
    for path in matches:
        verdict = _one_file(replace(rule, path=path), subject)
        if isinstance(verdict, Fail):
            return Fail(f"{path}: {verdict.evidence}")
    return Pass(f"found {', '.join(matches[:5])}")


def _matching(pattern: str, subject: Subject) -> list[str]:
    """Paths that match component by component; links to directories are not entered."""
    found = ["/"]
    for part in pattern.strip("/").split("/"):
        if any(mark in part for mark in "*?"):
            inside = [(above, name) for above in found for name in subject.tree.children(above)]
            named = [(above, name) for above, name in inside if fnmatchcase(name, part)]
        else:
            named = [(above, part) for above in found]
        paths = [posixpath.join(above, name) for above, name in named]
        found = [path for path in paths if path in subject.tree]
    return found


def _one_file(rule: FileRule, subject: Subject) -> Verdict:
    tree = subject.tree
    try:
        entry = tree.get(tree.resolve(rule.path, follow_last=False))
    except HostileInputError as error:
        return Fail(error.brief)
    if entry is None:
        absent = rule.presence is Presence.ABSENT
        return Pass("absent") if absent else Fail("it is not in the image")
    if rule.presence is Presence.ABSENT:
        return Fail(f"it is a {entry.kind}, there because of {entry.reason}")
    if entry.kind is Kind.SYMLINK and rule.kind != "link" and _looks_through(rule):
        target = _located(subject, rule.path)
        if target is None:
            return Fail(f"it is a link to {entry.target}, which is not in the image")
        entry = target
    if entry.kind is Kind.HARDLINK:
        entry = tree.content_entry(entry)
    wrong = [*_wrong_attributes(rule, entry), *_wrong_content(rule, entry, subject)]
    seen = f"{entry.kind} {owner_and_mode(entry)}"
    return Fail("; ".join(wrong)) if wrong else Pass(seen)


def _looks_through(rule: FileRule) -> bool:
    asked = (rule.kind, rule.mode, rule.owner, rule.group)
    return bool(rule.contains) or any(value is not None for value in asked)


def _wrong_attributes(rule: FileRule, entry: FileEntry) -> Iterator[str]:
    kind = "link" if entry.kind is Kind.SYMLINK else entry.kind.value
    if rule.kind is not None and rule.kind != kind:
        yield f"it is a {kind}, not a {rule.kind}"
    if rule.link is not None and rule.link != entry.target:
        yield f"it points to {entry.target!r}, not {rule.link!r}"
    if rule.mode is not None and rule.mode != entry.mode:
        yield f"its mode is {entry.mode:04o}, not {rule.mode:04o}"
    if rule.owner is not None and rule.owner != entry.uid:
        yield f"its owner is {entry.uid}, not {rule.owner}"
    if rule.group is not None and rule.group != entry.gid:
        yield f"its group is {entry.gid}, not {rule.group}"


def _wrong_content(rule: FileRule, entry: FileEntry, subject: Subject) -> Iterator[str]:
    if not rule.contains:
        return
    if entry.kind is not Kind.FILE or entry.content is None:
        yield "it has no content"
        return
    if entry.content.size > _CONTENT_LIMIT:
        yield f"its {entry.content.size} bytes are too many to look through"
        return
    text = bytes(subject.read(entry)).decode("utf-8", "replace")
    for wanted in rule.contains:
        if wanted not in text:
            yield f"it does not contain {wanted!r} but ends with {excerpt(text[-80:])}"


def _writable(path: str, subject: Subject) -> Verdict:
    obstacle = may_write(subject.tree, subject.image, path)
    if path == "/tmp":  # noqa: S108 - in the image
        return Pass("every container gets one")
    if obstacle is not None:
        return Fail(obstacle)
    if not is_mounted(subject.tree, subject.image, path):
        return Fail("the modes allow it, but it lies on the read-only root")
    return Pass(f"uid {subject.image.uid} may write it")


def _not_writable(path: str, subject: Subject) -> Verdict:
    if subject.image.uid == 0:
        return Skipped("the image runs as root, which no mode holds back")
    here = path
    while here != "/" and _located(subject, here) is None:
        here = posixpath.dirname(here)
    obstacle = may_write(subject.tree, subject.image, here)
    if obstacle is None and here != path:
        return Fail(f"uid {subject.image.uid} may create it in {here}")
    if obstacle is None:
        return Fail(f"uid {subject.image.uid} may write it")
    return Pass(obstacle)


def _located(subject: Subject, path: str) -> FileEntry | None:
    try:
        return subject.tree.locate(path)
    except HostileInputError:
        return None
