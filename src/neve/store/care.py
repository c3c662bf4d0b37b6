"""Caring for a store: verify every byte, collect what nobody uses."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from neve.model import Digest
from neve.store.failure import guarded
from neve.store.locks import FileLock, is_locked
from neve.store.reports import GcReport, StoreReport

_BLOCK = 1 << 20
_HEADER_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    path: Path
    digest: Digest
    blob: bool
    size: int
    used: float


def verify_store(directory: Path) -> StoreReport:
    """Re-hash all blobs and actions of the store at ``directory``; remove what is wrong."""
    with guarded(directory, "verify"):
        leftovers = _sweep(directory)
        entries, foreign = _entries(directory)
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            states = list(pool.map(_holds, entries))
        damaged = []
        for entry, whole in zip(entries, states, strict=True):
            if whole is False:
                entry.path.unlink(missing_ok=True)
                damaged.append(str(entry.path.relative_to(directory)))
    return StoreReport(
        blobs=sum(1 for e in entries if e.blob) - sum(1 for d in damaged if d[:1] == "b"),
        actions=sum(1 for e in entries if not e.blob) - sum(1 for d in damaged if d[:1] == "a"),
        size=sum(e.size for e, s in zip(entries, states, strict=True) if s),
        damaged=tuple(damaged),
        leftovers=tuple(leftovers),
        foreign=tuple(foreign),
    )


def collect(
    directory: Path,
    *,
    now: float,
    max_age: float | None,
    max_bytes: int | None,
    keep: frozenset[Digest],
) -> GcReport:
    """Remove old or surplus entries of the store at ``directory``, oldest use first.

    ``now`` in seconds since the epoch. An entry used since the oldest living lease began stays.
    """
    removed = removed_size = in_use = 0
    with guarded(directory, "collect garbage"):
        _sweep(directory)
        entries, _ = _entries(directory)
        entries.sort(key=lambda entry: (entry.used, entry.path.name))
        total = sum(entry.size for entry in entries)
        oldest = now if max_age is None else now - max_age
        for entry in entries:
            too_old = max_age is not None and entry.used < oldest
            too_much = max_bytes is not None and total - removed_size > max_bytes
            if not (too_old or too_much):
                continue
            if entry.digest in keep or not _remove_unused(directory, entry):
                in_use += 1
                continue
            removed += 1
            removed_size += entry.size
    return GcReport(
        removed=removed,
        removed_size=removed_size,
        kept=len(entries) - removed,
        kept_size=total - removed_size,
        in_use=in_use,
    )


def _remove_unused(directory: Path, entry: _Entry) -> bool:
    """Remove ``entry`` unless a living process used it; ordered by ``gc.lock`` against uses."""
    with FileLock(directory / "gc.lock"):
        try:
            used = entry.path.stat().st_mtime
        except FileNotFoundError:
            return True
        if used >= _oldest_lease(directory):
            return False
        entry.path.unlink(missing_ok=True)
        return True


def _oldest_lease(directory: Path) -> float:
    oldest = float("inf")
    for lease in (directory / "leases").iterdir():
        try:
            began = lease.stat().st_mtime
        except FileNotFoundError:
            continue
        if began < oldest and is_locked(lease):
            oldest = began
    return oldest


def _sweep(directory: Path) -> list[str]:
    """Remove what dead processes left: temporary files first, then their leases, then locks."""
    gone: list[str] = []
    alive = {lease.name for lease in (directory / "leases").iterdir() if is_locked(lease)}
    for temporary in sorted((directory / "tmp").iterdir()):
        lease = directory / "leases" / temporary.name.partition(".")[0]
        if lease.name not in alive and not is_locked(lease):
            temporary.unlink(missing_ok=True)
            gone.append(f"tmp/{temporary.name}")
    for kind in ("leases", "locks"):
        for path in sorted((directory / kind).iterdir()):
            lock = FileLock(path)
            if path.name not in alive and lock.try_acquire():
                lock.release(remove=True)
                gone.append(f"{kind}/{path.name}")
    return gone


def _entries(directory: Path) -> tuple[list[_Entry], list[str]]:
    found: list[_Entry] = []
    foreign: list[str] = []
    for base, blob in ((directory / "blobs" / "sha256", True), (directory / "actions", False)):
        for path in _files(base):
            if (entry := _entry(path, blob=blob)) is not None:
                found.append(entry)
            elif path.exists():
                foreign.append(str(path.relative_to(directory)))
    return found, foreign


def _entry(path: Path, *, blob: bool) -> _Entry | None:
    try:
        digest = Digest("sha256", path.name)
        status = path.lstat()
    except (ValueError, FileNotFoundError):
        return None
    if path.parent.name != path.name[:2] or path.is_symlink():
        return None
    return _Entry(path=path, digest=digest, blob=blob, size=status.st_size, used=status.st_mtime)


def _files(base: Path) -> Iterator[Path]:
    for shard in sorted(base.iterdir()):
        if shard.is_dir() and not shard.is_symlink():
            yield from sorted(shard.iterdir())
        else:
            yield shard


def _holds(entry: _Entry) -> bool | None:
    """Whether the entry's bytes are what its name says; ``None`` if it vanished meanwhile."""
    try:
        with entry.path.open("rb") as file:
            if not entry.blob:
                header, _, value = file.read().partition(b"\n")
                words = header.split(b" ")
                check = hashlib.sha256(f"{entry.digest}\0".encode() + value).hexdigest()
                return len(words) == _HEADER_PARTS and words[2] == check.encode()
            hasher = hashlib.sha256()
            while block := file.read(_BLOCK):
                hasher.update(block)
            return hasher.hexdigest() == entry.digest.value
    except FileNotFoundError:
        return None
