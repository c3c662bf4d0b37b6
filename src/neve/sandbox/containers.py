"""What the local Docker or Podman says of a container: who it runs as, and its labels."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from neve.errors import ToolError
from neve.sandbox.engine import Engine
from neve.sandbox.process import run_command

_TIMEOUT = 30.0
_ACCOUNTS_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A container. ``user`` is (uid, gid) of its first process, ``None`` where its name for one
    could not be looked up.
    """

    user: tuple[int, int] | None
    labels: Mapping[str, str]


def inspect_container(program: str, name: str) -> Inspected | None:
    """What ``program`` says of the container ``name``; ``None`` where it has none.

    Raises ``ToolError`` where it does not answer, or with something else.
    """
    asked = run_command([program, "container", "inspect", "--", name], timeout=_TIMEOUT)
    if not asked.succeeded:
        Engine.probe(program)
        return None
    try:
        (document,) = json.loads(asked.stdout)
        settings = document["Config"]
        labels = {str(key): str(value) for key, value in (settings.get("Labels") or {}).items()}
        user = str(settings.get("User") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(
            f"{program} container inspect {name}: not understood",
            resolution=f"Look at `{program} container inspect {name}`.",
        ) from error
    return Inspected(user=_ids(program, name, user), labels=labels)


def _ids(program: str, name: str, user: str) -> tuple[int, int] | None:
    """The ids that ``user`` (``uid``, ``name``, each with an optional group) means there."""
    account, _, group = user.partition(":")
    if account in ("", "root", "0") and group in ("", "root", "0"):
        return 0, 0
    rows = _rows(program, name, "/etc/passwd")
    own = next((row for row in rows if len(row) > 3 and account in (row[0], row[2])), None)
    uid = account if own is None else own[2]
    gid = group or ("0" if own is None else own[3])
    if not gid.isdecimal():
        groups = _rows(program, name, "/etc/group")
        gid = next((row[2] for row in groups if len(row) > 2 and row[0] == gid), gid)
    if not (uid.isascii() and uid.isdecimal() and gid.isascii() and gid.isdecimal()):
        return None
    return int(uid), int(gid)


def _rows(program: str, name: str, path: str) -> list[list[str]]:
    """The lines of an account file of the container, which may be hostile: a bounded copy."""
    copied = run_command([program, "cp", f"{name}:{path}", "-"], timeout=_TIMEOUT)
    if not copied.succeeded or copied.truncated:
        return []
    try:
        with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member is not None and member.isfile() else None
            data = b"" if file is None else file.read(_ACCOUNTS_LIMIT)
    except (tarfile.TarError, OSError, EOFError):
        return []
    return [line.split(":") for line in data.decode("utf-8", "replace").splitlines()]
