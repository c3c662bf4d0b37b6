"""``neve add service``: one more program in the image; the one it had becomes a service too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from neve.errors import UsageError
from neve.recipe.edit import apply_edit, diff_text
from neve.recipe.edits import AddService, RecipeEdit, SetCommand, SetEntrypoint
from neve.recipe.problems import closest
from neve.recipe.types import Recipe
from neve.verbs.atomic import write_atomically
from neve.verbs.places import catalogue_file
from neve.verbs.recipes import EditResult


@dataclass(frozen=True, slots=True, kw_only=True)
class AddServiceRequest:
    """The service to add, and the recipe it is added to."""

    recipe: Path
    service: AddService
    dry_run: bool = False


def add_service(request: AddServiceRequest) -> EditResult:
    """Add a service, or replace the one of its name, keeping comments and order.

    A program that ``run.entrypoint`` starts, here or in a recipe this one extends, becomes a
    service beside it. Raises ``SourceError`` for a recipe that is not sound and ``UsageError``
    for a service that could not be.
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
    before = [*_converted(recipe, request.service.name)]
    names = {one.name for one in recipe.services}
    names |= {edit.name for edit in before if isinstance(edit, AddService)}
    _known(request.service, names)
    text = old
    for edit in (*before, request.service):
        text = apply_edit(text, edit, file=str(request.recipe)).text
    if text != old and not request.dry_run:
        write_atomically(request.recipe, text.encode())
    return EditResult(
        recipe=request.recipe,
        changed=text != old,
        summary=f"services.{request.service.name}: " + ("added" if text != old else "already so"),
        difference=diff_text(old, text, file=str(request.recipe)),
    )


def _converted(recipe: Recipe, name: str) -> Iterator[RecipeEdit]:
    """The edits that make a service of what ``run`` starts; none where it starts nothing."""
    run = recipe.run
    command = (*run.entrypoint, *run.command)
    if not command:
        return
    if not command[0].startswith("/"):
        raise UsageError(
            f"run starts {command[0]}, which is no absolute path, and a service needs one",
            resolution="Write the program's whole path in run, and add the service again.",
        )
    base = re.sub(r"[^a-z0-9]+", "-", posixpath.basename(command[0]).lower()).strip("-")
    own = base if re.match(r"[a-z]", base) else "main"
    yield AddService(
        name=(own if own != name else "main")[:32],
        command=command,
        stop_signal=run.stop_signal,
    )
    if run.entrypoint:
        yield SetEntrypoint(arguments=())
    if run.command:
        yield SetCommand(arguments=())


def _known(service: AddService, names: Iterable[str]) -> None:
    known = sorted(set(names) - {service.name})
    for wanted in service.depends_on:
        if wanted not in known:
            near = closest(wanted, known)
            there = f"There is {', '.join(known)}." if known else "There is no other service yet."
            raise UsageError(
                f"--depends-on {wanted}: no other service is called so",
                resolution=f"Did you mean {near}?" if near else there,
            )
