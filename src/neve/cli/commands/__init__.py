"""The commands, one module a family. Each says what it needs, calls one verb, shows the result.

Nothing heavy is imported before a command runs: ``neve --help`` must answer at once.
"""

import typer

from neve.cli.commands import effects, explain, images, recipes, upkeep


def register(app: typer.Typer) -> None:
    """Hang every command into ``app``, in the order people meet them."""
    recipes.register(app)
    images.register(app)
    explain.register(app)
    effects.register(app)
    upkeep.register(app)
