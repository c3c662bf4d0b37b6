"""OpenVEX documents named at a scan: read as feeds are, applied over what was matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.vulns.bounded import Blob
from neve.vulns.feeds import openvex
from neve.vulns.records import Unread, VexStatement

_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VexFile:
    """The statements of one file, and those that were not understood."""

    name: str
    statements: tuple[VexStatement, ...]
    unread: tuple[Unread, ...]


def read_vex(paths: Sequence[Path]) -> tuple[VexFile, ...]:
    """Every file's statements.

    Raises ``UsageError`` for an unreadable file, ``HostileInputError`` for one that is no OpenVEX
    document.
    """
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> VexFile:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise _refused(path, error.strerror or "not readable") from error
    if len(data) > _LIMIT:
        raise _refused(path, f"larger than {_LIMIT} bytes")
    items = list(openvex.read(Blob(name=path.name, data=data)))
    return VexFile(
        name=path.name,
        statements=tuple(item for item in items if isinstance(item, VexStatement)),
        unread=tuple(item for item in items if isinstance(item, Unread)),
    )


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(f"--vex {path}: {why}", resolution="Name an OpenVEX document (JSON).")
