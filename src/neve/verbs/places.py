"""Where a recipe, its lock and its contract are: beside one another, or in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import neve
from neve.errors import UsageError

RECIPE_NAME = "neve.yaml"
LOCK_NAME = "neve.lock"
CONTRACT_NAME = "contract.yaml"
_CATALOGUE = "catalogue"
_LOCK_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePlace:
    """The files of one recipe. ``shipped`` is true for the catalogue inside the package, which
    is read-only: nothing is written beside it.
    """

    recipe: Path
    lock: Path
    contract: Path
    shipped: bool


def catalogue_directory() -> Path:
    """The catalogue that ships with neve."""
    return Path(neve.__file__).parent / _CATALOGUE


def catalogue_recipes() -> tuple[str, ...]:
    """The catalogue's recipes as people name them: ``catalogue/debian-13/python.yaml``."""
    top = catalogue_directory()
    found = (p for p in top.glob("*/*.yaml") if not p.name.endswith(".contract.yaml"))
    return tuple(sorted(f"{_CATALOGUE}/{path.relative_to(top).as_posix()}" for path in found))


def catalogue_variants() -> tuple[str, ...]:
    """The catalogue's recipes with debug and dev variants: ``catalogue/debian-13/dev/python.yaml``.

    Apart from the images' own, so that nobody locks compilers who extends one of those.
    """
    top = catalogue_directory()
    found = (f"{_CATALOGUE}/{p.relative_to(top).as_posix()}" for p in top.glob("*/dev/*.yaml"))
    return tuple(sorted(found))


def find_recipe(argument: str) -> RecipePlace:
    """The recipe that ``argument`` names: a file, a directory with ``neve.yaml``, or a path below
    ``catalogue/`` (also without that prefix and ``.yaml``). Raises ``UsageError`` for neither.
    """
    path = Path(argument)
    if path.is_dir():
        path = path / RECIPE_NAME
    if path.is_file():
        return _place(path, shipped=catalogue_directory() in path.resolve().parents)
    shipped = catalogue_recipe(argument)
    if shipped is not None:
        return _place(shipped, shipped=True)
    known = (*catalogue_recipes(), *catalogue_variants())
    near = get_close_matches(argument, known, n=3, cutoff=0.6)
    raise UsageError(
        f"{argument}: no such recipe",
        details=tuple(f"the catalogue has {name}" for name in near),
        resolution="Give a recipe file, or write a first one with `neve init`.",
    )


def is_recipe(argument: str) -> bool:
    """Whether ``argument`` is meant as a recipe: a path, or a name that the catalogue has."""
    looks = "/" in argument or argument.endswith((".yaml", ".yml")) or Path(argument).exists()
    return looks or catalogue_recipe(argument) is not None


def catalogue_recipe(name: str) -> Path | None:
    """The catalogue's file for ``debian-13/python``, with or without prefix and ending."""
    relative = name.removeprefix(f"{_CATALOGUE}/")
    if not relative.endswith(".yaml"):
        relative += ".yaml"
    top = catalogue_directory()
    path = top / relative
    inside = top in path.resolve().parents
    return path if inside and path.is_file() else None


def catalogue_file(name: str) -> Path:
    """The file of the catalogue's recipe ``name``; raises ``UsageError`` for an unknown one."""
    found = catalogue_recipe(name)
    if found is None:
        names = catalogue_recipes()
        near = get_close_matches(f"{_CATALOGUE}/{name.removesuffix('.yaml')}.yaml", names, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"{name}: the catalogue has no such recipe",
            resolution=f"{meant}It has {', '.join(names)}.",
        )
    return found


def _place(path: Path, *, shipped: bool) -> RecipePlace:
    folder = path.parent
    if path.suffix == _LOCK_SUFFIX:
        raise UsageError(
            f"{path}: this is a lock, not a recipe",
            resolution=f"Name the recipe beside it: {path.with_suffix('.yaml')}",
        )
    if path.name == RECIPE_NAME:
        lock, contract = folder / LOCK_NAME, folder / CONTRACT_NAME
    else:
        lock, contract = (
            folder / f"{path.stem}{_LOCK_SUFFIX}",
            folder / f"{path.stem}.contract.yaml",
        )
    return RecipePlace(recipe=path, lock=lock, contract=contract, shipped=shipped)
