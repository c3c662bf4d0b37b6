"""``neve init`` and ``neve add``: writing a first recipe, and editing one by typed edits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.recipe.edit import apply_edit, diff_text
from neve.recipe.edits import RecipeEdit
from neve.verbs.atomic import write_atomically
from neve.verbs.places import RECIPE_NAME

SCHEMA_NAME = ".neve-recipe.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResult:
    """What was written; ``purpose`` is what the image is for."""

    recipe: Path
    schema: Path
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditResult:
    """One edit of a recipe: whether it changed anything, and the difference as unified text."""

    recipe: Path
    changed: bool
    summary: str
    difference: str


def write_first_recipe(
    directory: Path, *, kind: str, distribution: str = "debian", release: str = "13"
) -> InitResult:
    """Write ``neve.yaml`` into ``directory``, and the schema beside it for editors.

    Raises ``UsageError`` rather than replace a recipe that is there.
    """
    from neve.recipe.initial import initial_recipe
    from neve.verbs.schemas import schema_text

    recipe, schema = directory / RECIPE_NAME, directory / SCHEMA_NAME
    if recipe.exists():
        raise UsageError(
            f"{recipe} exists already",
            resolution="Edit it with `neve add …`, or choose another directory.",
        )
    text = initial_recipe(kind, schema=SCHEMA_NAME, distribution=distribution, release=release)
    write_atomically(schema, schema_text("recipe").encode())
    write_atomically(recipe, text.encode())
    return InitResult(recipe=recipe, schema=schema, purpose=kind)


def edit_recipe(path: Path, *edits: RecipeEdit, dry_run: bool = False) -> EditResult:
    """Apply ``edits`` to the recipe file at ``path`` and write it, keeping comments and order.

    All of them or none. Raises ``SourceError`` for a recipe that is not sound and ``UsageError``
    for an edit that would not leave one.
    """
    old = recipe_text(path)
    new, summaries = old, []
    for edit in edits:
        edited = apply_edit(new, edit, file=str(path))
        new = edited.text
        summaries.append(edited.summary)
    if new != old and not dry_run:
        write_atomically(path, new.encode())
    return EditResult(
        recipe=path,
        changed=new != old,
        summary="; ".join(summaries),
        difference=diff_text(old, new, file=str(path)),
    )


def recipe_text(path: Path) -> str:
    """What a recipe's file holds; raises ``UsageError`` for one that cannot be read."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: not readable as a recipe ({error})",
            resolution="Name a recipe with --recipe, or write a first one with `neve init`.",
        ) from error
