"""``neve add package --cost``: an edit of a recipe with its price, before it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from neve.errors import UsageError
from neve.recipe.edit import apply_edit
from neve.recipe.edits import AddPackage
from neve.recipe.types import ReadRecipe
from neve.verbs.context import Workspace
from neve.verbs.costs_measure import Amount
from neve.verbs.places import catalogue_file
from neve.verbs.recipes import EditResult, edit_recipe, recipe_text


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedEdit:
    """An edit and the image before and after it, both with the archive's newest versions.

    ``added`` and ``removed`` are packages; ``vulnerabilities`` says why those were not judged.
    """

    edit: EditResult
    before: Amount
    after: Amount
    added: tuple[str, ...]
    removed: tuple[str, ...]
    vulnerabilities: str = ""


def add_priced(
    path: Path, edit: AddPackage, workspace: Workspace, *, dry_run: bool = False
) -> PricedEdit:
    """Apply ``edit`` to the recipe at ``path`` after putting both images together in memory.

    Nothing is written where either cannot be made: raises what locking and building raise, and
    ``UsageError`` for a package of a variant, which the runtime image does not have.
    """
    if edit.variant is not None:
        raise UsageError(
            f"--cost is of the runtime image: {edit.variant} is no part of it",
            resolution="Add the package, then see the variant's line in `neve plan --costs`.",
        )
    from neve.recipe.read import read_recipe

    old = recipe_text(path)
    new = apply_edit(old, edit, file=str(path)).text
    before, had, _ = _image(read_recipe(path, catalogue=catalogue_file), workspace)
    after, has, note = _image(
        read_recipe(path, catalogue=catalogue_file, text=new.encode()), workspace
    )
    return PricedEdit(
        edit=edit_recipe(path, edit, dry_run=dry_run),
        before=before,
        after=after,
        added=tuple(sorted(has - had)),
        removed=tuple(sorted(had - has)),
        vulnerabilities=note,
    )


def _image(read: ReadRecipe, workspace: Workspace) -> tuple[Amount, frozenset[str], str]:
    """The runtime image of this machine's platform, its packages, and a note on judging them."""
    from neve.build.variant_kinds import RUNTIME
    from neve.verbs.building import find_target
    from neve.verbs.costs_kitchen import Kitchen
    from neve.verbs.costs_measure import Scales
    from neve.verbs.locking import make_lock
    from neve.verbs.platforms import host_platform
    from neve.verbs.resolving import addresses_of

    platform = host_platform()
    bare = replace(read, recipe=replace(read.recipe, variants=()))
    lock = make_lock(bare, workspace, platforms=(platform,), variants=(RUNTIME,)).lock
    kitchen = Kitchen(
        lock,
        find_target(lock, platform, RUNTIME),
        workspace,
        contents=lambda: read.contents,
        addresses=lambda: addresses_of(read.recipe),
    )
    scales = Scales(kitchen.image(lock.recipe), workspace)
    return scales.whole, frozenset(package.name for package in kitchen.packages), scales.note
