"""The command tree: every family of commands in the order people meet them."""

import typer

from neve.cli.commands import (
    certs,
    db,
    debug,
    effects,
    explain,
    images,
    recipes,
    registry,
    scan,
    see,
    upkeep,
)


def register(app: typer.Typer) -> None:
    """Hang every command into ``app``, in the order people meet them."""
    recipes.register(app)
    images.register(app)
    registry.register(app)
    see.register(app)
    scan.register(app)
    explain.register(app)
    certs.register(app)
    debug.register(app)
    db.register(app)
    effects.register(app)
    upkeep.register(app)
