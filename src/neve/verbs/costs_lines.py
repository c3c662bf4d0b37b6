"""The lines of a recipe that have a price, and the recipe without each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from neve.recipe.read import place_of
from neve.recipe.types import PackageRequest, ReadRecipe, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeLine:
    """One thing a recipe asks for. ``label`` is its field, ``what`` what stands there, ``place``
    file, line and column ("" where a lock alone is known); ``without`` is the recipe that does not
    ask for it. ``request`` is set for packages, ``variant`` for variants, which are priced by what
    they add to the runtime image.
    """

    label: str
    kind: str
    what: str
    place: str
    without: Recipe
    request: PackageRequest | None = None
    variant: str | None = None


def recipe_lines(read: ReadRecipe) -> tuple[RecipeLine, ...]:
    """Every package, certificate, service, file and variant of the recipe, in its order.

    A directory tree that ``files`` copies is one line, as it is in the recipe.
    """
    recipe = read.recipe
    return tuple(
        replace(line, place=_place(read, line.label))
        for found in (
            _packages(recipe),
            _certificates(recipe),
            _services(recipe),
            _files(read),
            _variants(recipe),
        )
        for line in found
    )


def _place(read: ReadRecipe, label: str) -> str:
    place = place_of(read, label)
    return "" if place is None else str(place)


def _line(
    label: str,
    kind: str,
    what: str,
    without: Recipe,
    *,
    request: PackageRequest | None = None,
    variant: str | None = None,
) -> RecipeLine:
    return RecipeLine(
        label=label,
        kind=kind,
        what=what,
        place="",
        without=without,
        request=request,
        variant=variant,
    )


def _packages(recipe: Recipe) -> Iterator[RecipeLine]:
    for number, request in enumerate(recipe.packages):
        rest = recipe.packages[:number] + recipe.packages[number + 1 :]
        architecture = f":{request.architecture}" if request.architecture else ""
        yield _line(
            f"packages[{number}]",
            "package",
            request.name + architecture,
            replace(recipe, packages=rest),
            request=request,
        )


def _certificates(recipe: Recipe) -> Iterator[RecipeLine]:
    for number, one in enumerate(recipe.certificates):
        rest = recipe.certificates[:number] + recipe.certificates[number + 1 :]
        label = f"certificates[{number}]"
        yield _line(label, "certificate", one.name, replace(recipe, certificates=rest))


def _services(recipe: Recipe) -> Iterator[RecipeLine]:
    for service in recipe.services:
        rest = tuple(
            replace(one, depends_on=tuple(n for n in one.depends_on if n != service.name))
            for one in recipe.services
            if one.name != service.name
        )
        label = f"services.{service.name}"
        yield _line(label, "service", service.command[0], replace(recipe, services=rest))


def _files(read: ReadRecipe) -> Iterator[RecipeLine]:
    recipe = read.recipe
    heads: dict[str, set[str]] = {}
    for file in recipe.files:
        heads.setdefault(_written(read, file.path), set()).add(file.path)
    for head, paths in heads.items():
        rest = tuple(file for file in recipe.files if file.path not in paths)
        what = f"{len(paths)} paths" if len(paths) > 1 else head
        yield _line(f"files.{head}", "file", what, replace(recipe, files=rest))


def _written(read: ReadRecipe, path: str) -> str:
    """The key under ``files`` that brings ``path``: itself, or the tree it came with, whose place
    it has.
    """
    place = read.places.get(f"files.{path}")
    head = parent = path
    while parent != "/":
        parent = parent.rpartition("/")[0] or "/"
        if place is not None and read.places.get(f"files.{parent}") == place:
            head = parent
    return head


def _variants(recipe: Recipe) -> Iterator[RecipeLine]:
    for number, one in enumerate(recipe.variants):
        rest = recipe.variants[:number] + recipe.variants[number + 1 :]
        without = replace(recipe, variants=rest)
        yield _line(f"variants.{one.name}", "variant", one.kind, without, variant=one.name)
