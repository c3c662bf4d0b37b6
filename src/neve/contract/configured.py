"""How an image runs, from its configuration document and its own account files.

Takes the configuration of any builder (image-spec, config.md), names resolved as engines do.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from neve.contract.rootfs import ContentReader
from neve.contract.subject import Subject, writable_paths
from neve.errors import HostileInputError, UsageError
from neve.sandbox.port import RunnableImage
from neve.sandbox.process import signal_number
from neve.tree import Kind, Tree

_ACCOUNTS_LIMIT = 1 << 20
_NO_ID = (1 << 32) - 1  # what chown(2) takes for "leave it"


def subject_from(name: str, tree: Tree, read: ContentReader, configuration: bytes) -> Subject:
    """The subject that ``configuration`` describes, not yet ready for a sandbox.

    Its writable paths are the volumes and what its user may write by the modes alone.
    ``HostileInputError`` for a document of the wrong shape, ``UsageError`` for a user that the
    image does not know.
    """
    settings = _settings(configuration)
    uid, gid, groups = _ids(_text(settings, "User"), tree, read)
    volumes = settings.get("Volumes") or {}
    if not isinstance(volumes, dict):
        raise _refused("Volumes is no object")
    image = RunnableImage(
        uid=uid,
        gid=gid,
        groups=groups,
        environment=tuple(_variables(_texts(settings, "Env"))),
        workdir=_text(settings, "WorkingDir") or "/",
        writable=tuple(sorted(path for path in volumes if path.startswith("/"))),
        stop_signal=_signal(_text(settings, "StopSignal")),
    )
    image = replace(image, writable=writable_paths(tree, image))
    return Subject(
        name=name,
        tree=tree,
        read=read,
        image=image,
        entrypoint=_texts(settings, "Entrypoint"),
        command=_texts(settings, "Cmd"),
    )


def labels_of(configuration: bytes) -> dict[str, str]:
    """The labels of a configuration document."""
    labels = _settings(configuration).get("Labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        raise _refused("Labels is no object of texts")
    return labels


def _settings(configuration: bytes) -> dict[str, Any]:
    try:
        document = json.loads(configuration)
    except (ValueError, RecursionError) as error:
        raise _refused(f"not JSON: {error}") from error
    settings = document.get("config") if isinstance(document, dict) else document
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise _refused("config is no object")
    return settings


def _text(settings: dict[str, Any], key: str) -> str:
    value = settings.get(key) or ""
    if not isinstance(value, str) or "\0" in value:
        raise _refused(f"{key} is no text")
    return value


def _texts(settings: dict[str, Any], key: str) -> tuple[str, ...]:
    value = settings.get(key) or []
    if not isinstance(value, list) or not all(isinstance(v, str) and "\0" not in v for v in value):
        raise _refused(f"{key} is no list of texts")
    return tuple(value)


def _variables(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (line.partition("=") for line in lines) if name]


def _signal(text: str) -> int:
    try:
        return signal_number(text or "SIGTERM")
    except ValueError as error:
        raise _refused(f"StopSignal: {error}") from error


def _ids(user: str, tree: Tree, read: ContentReader) -> tuple[int, int, tuple[int, ...]]:
    """(uid, gid, further groups) of ``User``: ``uid``, ``name``, each with an optional group."""
    name, _, group = user.partition(":")
    accounts = [row for row in _rows(tree, read, "/etc/passwd", 7) if row[0] or row[2]]
    groups = _rows(tree, read, "/etc/group", 4)
    account = next((row for row in accounts if name and name in (row[0], row[2])), None)
    if not name or _is_id(name):
        uid = int(name or "0")
        account = next((row for row in accounts if row[2] == str(uid)), None)
    elif account is not None:
        uid = int(account[2])
    else:
        raise _unknown("user", name)
    gid = int(account[3]) if account is not None else 0
    if group:
        known = next((row for row in groups if row[0] == group), None)
        if known is None and not _is_id(group):
            raise _unknown("group", group)
        gid = int(known[2]) if known is not None else int(group)
    login = account[0] if account is not None and not group else None
    more = {int(row[2]) for row in groups if login is not None and login in row[3].split(",")}
    return uid, gid, tuple(sorted(more - {gid}))


def _rows(tree: Tree, read: ContentReader, path: str, width: int) -> list[list[str]]:
    """The well-formed lines of an account file; empty where there is none."""
    entry = tree.locate(path)
    if entry is not None:
        entry = tree.content_entry(entry)
    if entry is None or entry.kind is not Kind.FILE or entry.content is None:
        return []
    if entry.content.size > _ACCOUNTS_LIMIT:
        raise _refused(f"{path} has {entry.content.size} bytes")
    rows = [line.split(":") for line in bytes(read(entry)).decode("utf-8", "replace").splitlines()]
    numbers = (2, 3) if width == 7 else (2,)
    return [row for row in rows if len(row) == width and all(_is_id(row[n]) for n in numbers)]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < _NO_ID


def _unknown(what: str, name: str) -> UsageError:
    return UsageError(
        f"the image runs as {what} {name!r}, which its /etc has no account for",
        resolution="Give the image a numeric user, or add the account.",
    )


def _refused(cause: str) -> HostileInputError:
    return HostileInputError(
        f"the image's configuration is damaged: {cause}",
        resolution="Fetch or build the image again; if it stays so, do not use it.",
    )
