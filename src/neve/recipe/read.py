"""Reads a recipe: strict, all problems at once, every ``extends`` resolved.

The only way from YAML to a ``Recipe``. Imports ruamel.yaml when called, so that a build from a
lock never pays for it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from neve.errors import Place, SourceError, UsageError
from neve.model import sha256_of
from neve.recipe.decode import Decoder
from neve.recipe.document import MAX_BYTES, Mapping, Scalar, parse_document
from neve.recipe.grammar import RECIPE
from neve.recipe.merge import merge_recipes
from neve.recipe.problems import Problems
from neve.recipe.shape import INVALID, Reading
from neve.recipe.sources import (
    CATALOGUE,
    Catalogue,
    SourceRefusedError,
    SourceRoot,
    read_recipe_file,
    shipped_recipe,
)
from neve.recipe.types import ReadRecipe, RecipeSource
from neve.recipe.words import BASE

MAX_EXTENDS = 8


def read_recipe(
    path: Path, *, catalogue: Catalogue | None = None, text: bytes | None = None
) -> ReadRecipe:
    """The recipe at ``path`` with everything it extends and every file it names.

    ``catalogue`` finds the recipes that ``extends: catalogue:NAME`` means. ``text`` is read in
    place of what the file holds: a recipe that nobody has written yet. Raises
    ``SourceError`` naming the first problem, with all others as its details, or ``UsageError``
    when the file itself cannot be read.
    """
    loader = _Loader(top=path.parent, catalogue=catalogue)
    try:
        data, record = read_recipe_file(path, path.name, limit=MAX_BYTES)
    except SourceRefusedError as refused:
        raise UsageError(
            f"recipe {path}: {refused.brief}",
            resolution="Name a recipe file, or write a first one with neve init.",
        ) from None
    if text is not None:
        data = text
        record = RecipeSource(path=path.name, digest=sha256_of(text), size=len(text))
    root = SourceRoot(directory=path.parent)
    merged = loader.load(_File(shown=str(path), path=path, root=root), data, record, ())
    loader.problems.raise_if_any()
    if merged is None:  # nothing was read, so a problem was raised above
        raise UsageError(f"recipe {path}: nothing in it", resolution="Write a recipe.")
    reading = Reading(loader.problems)
    values = RECIPE.read(merged, "", reading)
    _require_base(merged, loader.problems)
    loader.problems.raise_if_any()
    if values is INVALID:
        raise UsageError(f"recipe {path}: nothing in it", resolution="Write a recipe.")
    decoder = Decoder(reading.places, loader.roots, loader.problems)
    recipe = decoder.recipe(values, values.get("name") or _default_name(path))
    loader.problems.raise_if_any()
    others = sorted(decoder.sources.values(), key=lambda source: source.path)
    return ReadRecipe(
        recipe=recipe,
        places=reading.places,
        sources=(*loader.records, *others),
        contents=decoder.contents,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One recipe file: its name in messages, where it is, and what is beside it."""

    shown: str
    path: Path
    root: SourceRoot


@dataclass(slots=True)
class _Loader:
    """Loads a recipe and, first to last, all that it extends."""

    top: Path
    catalogue: Catalogue | None
    problems: Problems = field(default_factory=Problems)
    roots: dict[str, SourceRoot] = field(default_factory=dict)
    records: list[RecipeSource] = field(default_factory=list)

    def load(
        self, file: _File, data: bytes, record: RecipeSource, above: tuple[str, ...]
    ) -> Mapping | None:
        """The merged document of ``file``; ``above`` are the real paths that extend it."""
        self.roots[file.shown] = file.root
        self.records.append(record)
        node = parse_document(data, file.shown, self.problems)
        if node is None:
            return None
        reading = Reading(self.problems)
        values = RECIPE.read(node, "", reading)
        if not isinstance(node, Mapping):
            return None
        base = node.get("extends")
        if not isinstance(base, Scalar) or re.fullmatch(BASE.pattern, base.text) is None:
            return None if values is INVALID else node
        merged = self._base(file, base, (*above, os.path.realpath(file.path)))
        if values is INVALID or merged is None:
            return None
        return merge_recipes(merged, node, RECIPE)

    def _base(self, file: _File, base: Scalar, above: tuple[str, ...]) -> Mapping | None:
        if len(above) > MAX_EXTENDS:
            return self._refuse(
                base, f"extends goes deeper than {MAX_EXTENDS} recipes", "Merge some of them."
            )
        try:
            found = self._locate(file, base.text)
            if os.path.realpath(found.path) in above:
                return self._refuse(
                    base, f"extends: {base.text} extends this recipe itself", "Break the circle."
                )
            recorded = found.root.record_path(found.path.name)
            if found.root.prefix.startswith(CATALOGUE) and base.text.startswith(CATALOGUE):
                recorded = base.text
            data, record = read_recipe_file(found.path, recorded, limit=MAX_BYTES)
        except SourceRefusedError as refused:
            return self._refuse(base, f"extends: {refused.brief}", refused.resolution)
        return self.load(found, data, record, above)

    def _locate(self, file: _File, text: str) -> _File:
        if text.startswith(CATALOGUE):
            if self.catalogue is None:
                raise SourceRefusedError("there is no catalogue to look in", "Use a path.")
            path = shipped_recipe(text.removeprefix(CATALOGUE), self.catalogue)
            root = SourceRoot(directory=path.parent, prefix=f"{text}//")
            return _File(shown=str(path), path=path, root=root)
        if PurePosixPath(text).is_absolute() or Path(text).is_absolute() or "\\" in text:
            raise SourceRefusedError(f"{text} is not relative", "Write it relative to this recipe.")
        path = file.path.parent / text
        folder = os.path.normpath(PurePosixPath(text).parent)
        prefix = file.root.prefix + ("" if folder == "." else folder.replace(os.sep, "/") + "/")
        root = SourceRoot(directory=path.parent, prefix=prefix)
        return _File(shown=os.path.normpath(path), path=path, root=root)

    def _refuse(self, base: Scalar, brief: str, resolution: str) -> Mapping | None:
        self.problems.add(base.place, brief, resolution)
        return None


def _require_base(merged: Mapping, problems: Problems) -> None:
    """What may come from any file of a chain, but must come from one."""
    for key, example in (("distribution", "debian"), ("release", '"13"')):
        if merged.get(key) is None:
            problems.add(merged.place, f"{key} is missing", f"Add {key}: {example}.")


def _default_name(path: Path) -> str:
    stem = path.stem if path.stem != "neve" else path.resolve().parent.name
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    return name or "image"


def place_of(read: ReadRecipe, at: str) -> Place | None:
    """The place of field ``at``, or of the nearest field around it that has one.

    ``files[/etc/x].owner`` means the same as ``files./etc/x.owner``.
    """
    at = re.sub(r"\[([^\[\]]*[^\[\]0-9][^\[\]]*)\]", r".\1", at)
    while at:
        if at in read.places:
            return read.places[at]
        at = re.sub(r"(\[\d+\]|\.?[^.\[\]]+|[.\[\]])$", "", at)
    return None


__all__ = ["MAX_EXTENDS", "SourceError", "place_of", "read_recipe"]
