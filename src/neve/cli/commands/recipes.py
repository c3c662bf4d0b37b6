"""``neve init``, ``add``, ``catalogue`` and ``schema``: writing recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neve.cli.commands.certs import add_cert
from neve.cli.commands.debug import add_debug
from neve.cli.commands.services import add_service
from neve.cli.options import (
    FormatOption,
    OfflineOption,
    OutputFormat,
    QuietOption,
    StoreOption,
    session,
)
from neve.errors import UsageError

if TYPE_CHECKING:
    from neve.recipe.edits import RecipeEdit

_Recipe = Annotated[Path, typer.Option("--recipe", "-r", help="The recipe to edit.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference, write nothing.")]
_Variant = Annotated[
    str | None, typer.Option(help="Only in this variant (debug, dev).", show_default=False)
]
_DEFAULT = Path("neve.yaml")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "init", short_help="Write a first recipe.", epilog="Example: neve init --kind python"
    )(init)
    add = typer.Typer(help="Edit a recipe; comments stay.", no_args_is_help=True)
    add.command("package", epilog="Example: neve add package libpq5")(add_package)
    add.command("file", epilog="Example: neve add file /etc/app.conf --source app.conf")(add_file)
    add.command("env", epilog="Example: neve add env LOG_LEVEL=info")(add_env)
    add.command("label", epilog="Example: neve add label team=payments")(add_label)
    add.command("user", epilog="Example: neve add user app --uid 10001")(add_user)
    add.command("port", epilog="Example: neve add port 8080")(add_port)
    add.command("volume", epilog="Example: neve add volume /data")(add_volume)
    add.command("writable", epilog="Example: neve add writable /var/lib/app")(add_writable)
    add.command("keep", epilog="Example: neve add keep '/usr/share/doc/app/**'")(add_keep)
    add.command("cert", epilog="Example: neve add cert corp-ca.pem")(add_cert)
    add.command("service", epilog="Example: neve add service job -- /usr/bin/python3 /srv/job.py")(
        add_service
    )
    add.command("debug", epilog="Example: neve add debug bash procps strace")(add_debug)
    app.add_typer(add, name="add")
    app.command("catalogue", epilog="Example: neve catalogue")(catalogue)
    app.command("schema", epilog="Example: neve schema recipe > recipe.schema.json")(schema)


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write neve.yaml.")] = Path(),
    kind: Annotated[
        str,
        typer.Option(help="base, cc, java, nginx, node, perl, python, ruby or static."),
    ] = "base",
    distribution: Annotated[str, typer.Option(help="debian or ubuntu.")] = "debian",
    release: Annotated[str, typer.Option(help="Version or codename.")] = "13",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Write a first recipe with comments, and its schema for editors."""
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.recipes import write_first_recipe

        result = write_first_recipe(
            directory, kind=kind, distribution=distribution, release=release
        )
        text = f"wrote {result.recipe}\nnext: neve plan {result.recipe}\n"
        run.show("init", result, text)


def _apply(
    recipe: Path, *edits: RecipeEdit, output_format: OutputFormat, quiet: bool, dry_run: bool
) -> None:
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.recipes import edit_recipe

        result = edit_recipe(recipe, *edits, dry_run=dry_run)
        run.show("edit", result, result.difference or f"{result.summary}\n")


def add_package(
    package: Annotated[str, typer.Argument(help="name, name=VERSION, name/backports, name:arch.")],
    variant: _Variant = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Show what it adds to the image (takes seconds).")
    ] = False,
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Ask for one more package."""
    from neve.recipe.edits import AddPackage

    edit = AddPackage(request=package, variant=variant)
    if not cost:
        _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)
        return
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.costs import priced_edit_text
        from neve.verbs.add_cost import add_priced
        from neve.verbs.context import Workspace

        with Workspace(run.settings, run.progress) as workspace:
            result = add_priced(recipe, edit, workspace, dry_run=dry_run)
        run.show("priced-edit", result, priced_edit_text(result, run.console.width))


def add_file(
    path: Annotated[str, typer.Argument(help="Absolute path in the image.")],
    source: Annotated[str | None, typer.Option(help="File or directory beside the recipe.")] = None,
    content: Annotated[str | None, typer.Option(help="The text of the file.")] = None,
    link: Annotated[str | None, typer.Option(help="Make a symbolic link to this.")] = None,
    directory: Annotated[bool, typer.Option("--directory", help="Make a directory.")] = False,
    mode: Annotated[str | None, typer.Option(help="Octal, as 0644.")] = None,
    owner: Annotated[str | None, typer.Option(help="Account name or number.")] = None,
    group: Annotated[str | None, typer.Option(help="Group name or number.")] = None,
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Add a file, directory or link."""
    from neve.recipe.edits import AddFile

    edit = AddFile(
        path=path,
        source=source,
        content=content,
        link=link,
        directory=directory,
        mode=mode,
        owner=owner,
        group=group,
    )
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(f"{text!r}: expected NAME=VALUE", resolution="Write it as LEVEL=info.")
    return name, value


def add_env(
    setting: Annotated[str, typer.Argument(help="NAME=VALUE.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Set an environment variable."""
    from neve.recipe.edits import SetEnvironment

    name, value = _pair(setting)
    edit = SetEnvironment(name=name, value=value)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_label(
    label: Annotated[str, typer.Argument(help="NAME=VALUE.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Set a label."""
    from neve.recipe.edits import SetLabel

    name, value = _pair(label)
    edit = SetLabel(name=name, value=value)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_user(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    uid: Annotated[int | None, typer.Option(help="Pin the numeric id.")] = None,
    gid: Annotated[int | None, typer.Option(help="Pin its primary group's id.")] = None,
    upstream: Annotated[
        bool, typer.Option("--upstream", help="Pin the ids that the well-known image has.")
    ] = False,
    run_as: Annotated[
        bool, typer.Option("--run", help="Run the image as this account as well.")
    ] = False,
    home: Annotated[str | None, typer.Option(help="Home directory.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Further group, repeatable.")] = None,
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Create an account, or pin the numbers of one that a package makes."""
    from neve.recipe.edits import AddUser, SetRunUser

    edit = AddUser(
        name=name,
        uid=uid,
        gid=gid,
        ids="upstream" if upstream else None,
        home=home,
        groups=tuple(group or ()),
    )
    edits = (edit, SetRunUser(user=name)) if run_as else (edit,)
    _apply(recipe, *edits, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_port(
    port: Annotated[str, typer.Argument(help="8080 or 53/udp.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Expose a port."""
    from neve.recipe.edits import AddPort

    edit = AddPort(port=port)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_volume(
    path: Annotated[str, typer.Argument(help="Absolute path in the image.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Mark a path as a volume."""
    from neve.recipe.edits import AddVolume

    edit = AddVolume(path=path)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_writable(
    path: Annotated[str, typer.Argument(help="Absolute path in the image.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Let the account the image runs as write a path."""
    from neve.recipe.edits import AddWritable

    edit = AddWritable(path=path)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def add_keep(
    pattern: Annotated[str, typer.Argument(help="Path pattern; ** crosses directories.")],
    recipe: _Recipe = _DEFAULT,
    dry_run: _DryRun = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Keep what pruning would take away."""
    from neve.recipe.edits import KeepPath

    edit = KeepPath(pattern=pattern)
    _apply(recipe, edit, output_format=output_format, quiet=quiet, dry_run=dry_run)


def catalogue(output_format: FormatOption = OutputFormat.TABLE, quiet: QuietOption = False) -> None:
    """List the recipes that neve ships."""
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.places import catalogue_recipes, catalogue_variants

        names = (*catalogue_recipes(), *catalogue_variants())
        run.show("catalogue", {"recipes": names}, "".join(f"{name}\n" for name in names))


def schema(
    document: Annotated[
        str, typer.Argument(help="recipe, lock, contract, or the kind of a JSON result.")
    ] = "recipe",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
) -> None:
    """Print a JSON Schema, for editors and other tools."""
    with session(output_format, quiet=quiet) as run:
        from neve.verbs.schemas import schema_text

        run.console.data(schema_text(document))
