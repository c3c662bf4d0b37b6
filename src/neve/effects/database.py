"""The effects database: one reviewable file per suite, found by package and script key.

The file is JSON laid out for review: one block per effect, one line per operation, sorted by
package and key, so that a new trace is a small diff. Its id is the digest of its bytes. An
updated database of the same suite laid over the shipped one wins by (package, key); it is data
and never code, and is checked by the same rules (``effects.lint``) when it is read.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from neve.effects.codec import (
    EffectFormatError,
    canonical_json,
    effect_from_json,
    effect_to_json,
)
from neve.effects.lint import refuse_unsafe
from neve.effects.ops import Effect
from neve.effects.script import Parameters
from neve.errors import HostileInputError, StoreError
from neve.formats.deb.types import PackageFacts
from neve.model import Digest, sha256_of
from neve.tree import FileEntry, Kind

DATABASE_SCHEMA_VERSION = 1
_MAX_BYTES = 64 << 20
_ALIASES = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32")


class Surroundings(Protocol):
    """What stands around a package: the packaged paths of the whole image."""

    def has(self, path: str) -> bool:
        """Whether some package brings ``path``."""
        ...

    def digest(self, path: str) -> Digest | None:
        """SHA-256 of the packaged file at ``path``; ``None`` where there is no such file."""
        ...


class PackagedPaths:
    """The surroundings that a list of packages makes, with merged-/usr names understood."""

    def __init__(self, packages: Iterable[PackageFacts]) -> None:
        self._entries: dict[str, FileEntry] = {}
        for facts in packages:
            for entry in facts.entries:
                self._entries.setdefault(merged(entry.path), entry)

    def has(self, path: str) -> bool:
        """Whether some package brings ``path``."""
        return merged(path) in self._entries

    def digest(self, path: str) -> Digest | None:
        """SHA-256 of the packaged file at ``path``, links followed by name only."""
        entry = self._entries.get(merged(path))
        if entry is not None and entry.kind is Kind.HARDLINK:
            entry = self._entries.get(merged(entry.target or ""))
        return entry.content.digest if entry is not None and entry.content is not None else None


def merged(path: str) -> str:
    """``path`` under the merged-/usr layout: ``/bin/sh`` is ``/usr/bin/sh``."""
    for alias in _ALIASES:
        if path.startswith(alias) and path[len(alias) : len(alias) + 1] == "/":
            return f"/usr{path}"
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """The scripts are known, but every effect for them asked for other surroundings."""

    package: str
    key: Digest
    reasons: tuple[str, ...]


_Key = tuple[str, str]
"""A package's name and its script key as text."""


class EffectsDatabase:
    """Effects of one suite. Blocks are kept as bytes and read when somebody asks for them."""

    def __init__(
        self, blocks: Iterable[tuple[_Key, bytes]], *, codename: str, digest: Digest
    ) -> None:
        self.codename = codename
        self.digest = digest
        self._blocks: dict[_Key, list[bytes]] = {}
        for key, block in blocks:
            self._blocks.setdefault(key, []).append(block)

    def __len__(self) -> int:
        return sum(len(blocks) for blocks in self._blocks.values())

    @classmethod
    def load(cls, codename: str, *, updates: Path | None = None) -> EffectsDatabase:
        """The shipped database of ``codename``, with ``updates/CODENAME.json`` laid over it.

        A suite without a database gives an empty one: every script is then unknown or static.
        """
        return _load(codename, updates / f"{codename}.json" if updates else None)

    @classmethod
    def parse(cls, data: bytes) -> EffectsDatabase:
        """A database from the bytes ``dump_effects`` writes."""
        codename, blocks = _parse(data)
        return cls(blocks, codename=codename, digest=sha256_of(data))

    def over(self, other: EffectsDatabase) -> EffectsDatabase:
        """This database laid over ``other``: where both know a script, this one is asked."""
        mine, theirs = self._blocks, other._blocks
        own = [(key, block) for key, blocks in mine.items() for block in blocks]
        kept = [(k, block) for k, blocks in theirs.items() if k not in mine for block in blocks]
        digest = sha256_of(f"{self.digest}\n{other.digest}\n".encode())
        return EffectsDatabase(own + kept, codename=self.codename, digest=digest)

    def effects(self) -> tuple[Effect, ...]:
        """Every effect, in file order."""
        return tuple(_make(key, b) for key in sorted(self._blocks) for b in self._blocks[key])

    def candidates(self, package: str, key: Digest) -> tuple[Effect, ...]:
        """The effects known for one package's scripts, whatever their preconditions."""
        wanted = (package, str(key))
        return tuple(_make(wanted, block) for block in self._blocks.get(wanted, ()))

    def knows_package(self, package: str) -> bool:
        """Whether any script of ``package`` is known, if not this version's."""
        return any(name == package for name, _ in self._blocks)

    def match(
        self, package: str, key: Digest, surroundings: Surroundings, parameters: Parameters
    ) -> Effect | Unmatched | None:
        """The effect of the scripts ``key`` in these surroundings; ``None`` if never seen.

        Of several that hold, the one with the most conditions wins: it is the most specific.
        """
        reasons: list[str] = []
        holding: list[Effect] = []
        for effect in self.candidates(package, key):
            failed = _failed_condition(effect, surroundings, parameters)
            if failed is None:
                holding.append(effect)
            else:
                reasons.append(failed)
        if holding:
            return max(holding, key=lambda e: len(e.preconditions) + len(e.reads))
        return Unmatched(package=package, key=key, reasons=tuple(reasons)) if reasons else None


def _failed_condition(
    effect: Effect, surroundings: Surroundings, parameters: Parameters
) -> str | None:
    for condition in effect.preconditions:
        path = parameters.fill(condition.path)
        if surroundings.has(path) is not condition.present:
            return f"{path} is {'missing' if condition.present else 'there'}"
    for path, digest in effect.reads:
        path = parameters.fill(path)
        if surroundings.digest(path) != digest:
            return f"{path}, which the script reads, has another content"
    return None


def dump_effects(effects: Iterable[Effect], *, codename: str) -> bytes:
    """The file form of a database, the same bytes for the same effects in any order."""
    blocks = sorted(
        (effect_to_json(effect) for effect in effects),
        key=lambda block: (block["package"], block["key"], canonical_json(block)),
    )
    head = f'{{"schema_version": {DATABASE_SCHEMA_VERSION}, "codename": {json.dumps(codename)}'
    text = ",\n".join(_layout(block) for block in blocks)
    return f'{head}, "effects": [\n{text}\n]}}\n'.encode()


def load_effects(data: bytes) -> tuple[Effect, ...]:
    """The effects in a database file; raises ``EffectFormatError`` or ``DeniedError``."""
    return EffectsDatabase.parse(data).effects()


def import_update(data: bytes, directory: Path, *, write: Callable[[Path, bytes], None]) -> Path:
    """Check an updated database whole and hand it to ``write`` under its codename's name."""
    database = EffectsDatabase.parse(data)
    database.effects()
    if not database.codename.isalnum():
        raise EffectFormatError(database.codename, "not a suite's codename")
    target = directory / f"{database.codename}.json"
    write(target, data)
    _load.cache_clear()
    return target


def _layout(block: Mapping[str, Any]) -> str:
    """One effect: a line for each field, one for each item of a list or object."""
    lines = []
    for key, value in block.items():
        if isinstance(value, list) and key != "suites":
            items = ",\n".join(f"  {_compact(item)}" for item in value)
            lines.append(f" {json.dumps(key)}: [\n{items}]")
        elif isinstance(value, dict):
            pairs = ",\n".join(f"  {json.dumps(k)}: {_compact(v)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{pairs}}}")
        else:
            lines.append(f" {json.dumps(key)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "}"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _make(key: _Key, block: bytes) -> Effect:
    effect = effect_from_json(_json(block, key[0]))
    if (effect.package, str(effect.key)) != key:
        raise EffectFormatError(key[0], "its block names another package or key")
    refuse_unsafe(effect)
    return effect


def _parse(data: bytes) -> tuple[str, list[tuple[_Key, bytes]]]:
    """The codename and the blocks; those of a file laid out as ``dump_effects`` does are only
    cut apart: a line break inside JSON text is written ``\\n``, so the marks are unambiguous.
    """
    if len(data) > _MAX_BYTES:
        raise HostileInputError(
            f"effects database: {len(data)} bytes are more than a database can have",
            resolution="Take the database that ships with neve.",
        )
    head, marked, rest = data.partition(_BEGIN)
    if marked and head.count(b"\n") == 0 and rest.endswith(_END):
        codename = _codename(_json(head + b"}", "the file"))
        pieces = rest[: -len(_END)].split(_BETWEEN)
        cut = [_cut(piece if n == 0 else _BETWEEN[2:] + piece) for n, piece in enumerate(pieces)]
        found = [item for item in cut if item is not None]
        if len(found) == len(cut):
            return codename, found
    document = _json(data, "the file")
    if not isinstance(document, dict) or not isinstance(document.get("effects"), list):
        raise EffectFormatError("the file", "not a database: no list of effects")
    blocks = [block for block in document["effects"] if isinstance(block, dict)]
    if len(blocks) != len(document["effects"]):
        raise EffectFormatError("the file", "an effect is not an object")
    keys = [(str(block.get("package")), str(block.get("key"))) for block in blocks]
    return _codename(document), list(zip(keys, map(canonical_json, blocks), strict=True))


_BEGIN = b', "effects": [\n'
_BETWEEN = b',\n{\n "package": "'
_END = b"\n]}\n"
_HEAD = re.compile(rb'\{\n "package": "([^"\\\n]+)",\n "key": "([a-z0-9]+:[0-9a-f]+)"')


def _cut(block: bytes) -> tuple[_Key, bytes] | None:
    found = _HEAD.match(block)
    if found is None:
        return None
    return (found.group(1).decode("utf-8", "replace"), found.group(2).decode()), block


def _json(data: bytes, subject: str) -> object:
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EffectFormatError(subject, f"not JSON: {error}") from None
    return found


def _codename(document: object) -> str:
    if not isinstance(document, dict):
        raise EffectFormatError("the file", "not a database")
    version = document.get("schema_version")
    if version != DATABASE_SCHEMA_VERSION:
        raise EffectFormatError("the file", f"schema version {version!r} is not known")
    codename = document.get("codename")
    if not isinstance(codename, str):
        raise EffectFormatError("the file", "it does not name its suite")
    return codename


@lru_cache(maxsize=8)
def _load(codename: str, update: Path | None) -> EffectsDatabase:
    try:
        resource = importlib.resources.files("neve.effects") / "database" / f"{codename}.json"
        shipped = (
            resource.read_bytes() if resource.is_file() else dump_effects((), codename=codename)
        )
        newer = update.read_bytes() if update is not None and update.is_file() else None
    except OSError as error:
        raise StoreError(
            f"the effects database of {codename} could not be read: {error}",
            resolution="Check the file's permissions, or install neve again.",
        ) from error
    database = EffectsDatabase.parse(shipped)
    return EffectsDatabase.parse(newer).over(database) if newer is not None else database
