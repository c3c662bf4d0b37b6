"""``neve add debug``: a debug variant into a recipe, or more tools into the one it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from neve.build.variant_kinds import DEBUG
from neve.errors import UsageError
from neve.recipe.edit import apply_edit, diff_text
from neve.recipe.edits import AddPackage, RecipeEdit, SetVariant
from neve.verbs.atomic import write_atomically
from neve.verbs.places import catalogue_file
from neve.verbs.recipes import EditResult

USUAL = (
    *("bash", "coreutils", "curl", "findutils", "gdb", "grep", "iproute2", "less", "procps"),
    *("sed", "strace"),
)
"""What a debug variant holds where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDebugRequest:
    """Packages for the debug variant ``variant``; none adds the usual ones to a new variant."""

    recipe: Path
    packages: tuple[str, ...] = ()
    variant: str = DEBUG
    expires: date | None = None
    dry_run: bool = False


def add_debug(request: AddDebugRequest) -> EditResult:
    """Add the variant or what it lacks, keeping comments and order.

    Raises ``SourceError`` for a recipe that is not sound and ``UsageError`` where the name is
    another kind of variant's.
    """
    from neve.recipe.read import read_recipe

    try:
        old = request.recipe.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{request.recipe}: not readable as a recipe ({error})",
            resolution="Name a recipe with --recipe, or write a first one with `neve init`.",
        ) from error
    recipe = read_recipe(request.recipe, catalogue=catalogue_file).recipe
    there = next((one for one in recipe.variants if one.name == request.variant), None)
    if there is not None and there.kind != DEBUG:
        raise UsageError(
            f"variants.{there.name} is of kind {there.kind}",
            resolution="Choose another name with --variant.",
        )
    packages = request.packages or (() if there is not None and there.packages else USUAL)
    edits: list[RecipeEdit] = []
    if there is None and request.variant != DEBUG:
        edits.append(SetVariant(name=request.variant, kind=DEBUG))
    if request.expires is not None:
        edits.append(SetVariant(name=request.variant, expires=request.expires))
    edits += [AddPackage(request=one, variant=request.variant) for one in packages]
    text = old
    for edit in edits:
        text = apply_edit(text, edit, file=str(request.recipe)).text
    if text != old and not request.dry_run:
        write_atomically(request.recipe, text.encode())
    return EditResult(
        recipe=request.recipe,
        changed=text != old,
        summary=f"variants.{request.variant}: " + ("changed" if text != old else "already so"),
        difference=diff_text(old, text, file=str(request.recipe)),
    )
