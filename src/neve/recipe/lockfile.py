"""``neve.lock``: a lock's bytes and back, and whether the recipe is still the one locked.

The bytes are a function of the lock alone: keys sorted, one package, index or target a line, so
that a review shows what changed and nothing else. Imports no YAML, no grammar and no validator
library: a warm build reads its lock with this and must stay quick.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from neve.errors import UsageError
from neve.model import Digest
from neve.recipe.lock import LOCK_SCHEMA_VERSION, Lock, LockedPackage
from neve.recipe.plain import Json, MisfitError, from_plain, to_plain
from neve.recipe.sources import Catalogue, changed_sources

MAX_BYTES = 64 * 1024 * 1024
_LINE = 100
_AGAIN = "Run neve lock to write it again."


def dump_lock(lock: Lock) -> bytes:
    """The lock as the bytes of ``neve.lock``; addresses of repositories are left out."""
    data = to_plain(_without_addresses(lock))
    data["schema_version"] = lock.schema_version
    return ("".join(_pretty(data, "")) + "\n").encode()


def load_lock(data: bytes, name: str = "neve.lock") -> Lock:
    """The lock in ``data``; raises ``UsageError`` saying what is wrong with the file ``name``."""
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES} bytes", resolution=_AGAIN)
    try:
        plain = json.loads(data.decode(), object_pairs_hook=_no_duplicates, parse_constant=_refuse)
    except MisfitError as error:
        raise UsageError(f"{name}: {error}", resolution=_AGAIN) from None
    except (ValueError, RecursionError) as error:
        cause = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise UsageError(f"{name}: not a lock: {cause}", resolution=_AGAIN) from None
    if not isinstance(plain, dict) or "schema_version" not in plain:
        raise UsageError(f"{name}: not a lock: schema_version is missing", resolution=_AGAIN)
    version = plain["schema_version"]
    if type(version) is not int or version != LOCK_SCHEMA_VERSION:
        newer = type(version) is int and version > LOCK_SCHEMA_VERSION
        raise UsageError(
            f"{name}: schema version {str(version)[:20]}, this neve knows {LOCK_SCHEMA_VERSION}",
            resolution="Use a newer neve, or run neve lock." if newer else _AGAIN,
        )
    try:
        lock: Lock = from_plain(Lock, plain, "lock")
        _check_references(lock)
    except MisfitError as error:
        raise UsageError(f"{name}: {error}", resolution=_AGAIN) from None
    return lock


def recipe_matches(
    lock: Lock, recipe: Path, *, catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """What differs between the files on disk and those locked, for people; empty when nothing.

    Only hashes files. ``recipe`` is the recipe's path; the other files are found from it.
    """
    if not lock.sources:
        return ("the lock names no source files",)
    return changed_sources(lock.sources, recipe, catalogue)


def _without_addresses(lock: Lock) -> Lock:
    repositories = tuple(replace(item, url=None) for item in lock.recipe.repositories)
    return replace(lock, recipe=replace(lock.recipe, repositories=repositories))


def _check_references(lock: Lock) -> None:
    """What the types can't say: every reference inside the lock leads somewhere."""
    archives = {item.id: {index.digest for index in item.indexes} for item in lock.archives}
    for package in lock.packages:
        _check_package(package, archives.get(package.archive))
    for target in lock.targets:
        seen = set(target.packages)
        if len(seen) != len(target.packages):
            raise MisfitError(f"target {target.platform}: a package stands twice")
        if seen and not 0 <= min(seen) <= max(seen) < len(lock.packages):
            raise MisfitError(f"target {target.platform}: no such package")
    for repository in lock.recipe.repositories:
        if repository.url is not None:
            raise MisfitError(f"repository {repository.name}: an address in a lock")
    for source in lock.sources:
        if source.path.startswith("/") or "\\" in source.path or ":" in source.path[:2]:
            raise MisfitError(f"source {source.path!r} is not relative")


def _check_package(package: LockedPackage, indexes: set[Digest] | None) -> None:
    if indexes is None:
        raise MisfitError(f"package {package.name}: unknown archive {package.archive!r}")
    if package.index not in indexes:
        raise MisfitError(f"package {package.name}: its index is not one of its archive's")
    if package.digest.algorithm != "sha256":
        raise MisfitError(f"package {package.name}: its digest is {package.digest.algorithm}")
    if package.size < 0 or package.installed_size < 0:
        raise MisfitError(f"package {package.name}: a negative size")
    path = package.path
    if path.startswith("/") or "\\" in path or (".." in path and ".." in path.split("/")):
        raise MisfitError(f"package {package.name}: path {path!r} leaves its archive")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MisfitError("a key stands twice")
    return result


def _refuse(constant: str) -> float:
    raise MisfitError(f"{constant} is no number")


def _pretty(data: Json, indent: str) -> Iterator[str]:
    """JSON with sorted keys; what fits on a line stays on one, as does anything in a long list."""
    flat = _flat(data)
    numbers = isinstance(data, list) and all(isinstance(item, int) for item in data)
    if not isinstance(data, dict | list) or len(flat) + len(indent) <= _LINE or numbers:
        yield flat
        return
    inner = indent + " "
    if isinstance(data, list):
        yield "[\n"
        for number, item in enumerate(data):
            nested = isinstance(item, dict) and any(isinstance(v, list) for v in item.values())
            deep = nested and len(_flat(item)) > 6 * _LINE
            yield inner
            yield from _pretty(item, inner) if deep else (_flat(item),)
            yield ",\n" if number + 1 < len(data) else "\n"
        yield f"{indent}]"
        return
    yield "{\n"
    for number, key in enumerate(sorted(data)):
        yield f"{inner}{json.dumps(key, ensure_ascii=False)}: "
        yield from _pretty(data[key], inner)
        yield ",\n" if number + 1 < len(data) else "\n"
    yield f"{indent}}}"


def _flat(data: Json) -> str:
    if isinstance(data, float) and math.isfinite(data) and data == int(data):
        data = int(data)
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(", ", ": "))
