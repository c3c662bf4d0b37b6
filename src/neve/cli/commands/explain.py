"""``neve plan``, ``why`` and ``diff``: what would happen, what is there, and what changed."""

from __future__ import annotations

from typing import Annotated

import typer

from neve.cli.options import (
    FormatOption,
    OfflineOption,
    OutputFormat,
    QuietOption,
    RecipeArgument,
    StoreOption,
    session,
)

_Subject = Annotated[
    str, typer.Argument(help="An image neve built, or a recipe.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command(
        "plan", short_help="Show what a build would do.", epilog="Example: neve plan neve.yaml"
    )(plan)
    app.command(
        "why",
        short_help="Say why a path or package is there.",
        epilog="Example: neve why out /etc/passwd",
    )(why)
    app.command(
        "diff", short_help="Compare two images or recipes.", epilog="Example: neve diff old new"
    )(diff)


def plan(
    recipe: RecipeArgument = ".",
    variant: Annotated[str, typer.Option(help="Which variant of the recipe.")] = "runtime",
    platform: Annotated[
        str | None, typer.Option(help="Platform to plan (default: linux on this architecture).")
    ] = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Price each line of the recipe (takes seconds).")
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Show what a build would do, with reasons and sizes; nothing is written."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.explain import plan_text
        from neve.verbs.context import Workspace
        from neve.verbs.places import find_recipe
        from neve.verbs.plan import PlanRequest, plan_image
        from neve.verbs.platforms import parse_platforms

        platforms = parse_platforms([platform] if platform else ())
        request = PlanRequest(
            place=find_recipe(recipe), variant=variant, platforms=platforms, costs=costs
        )
        with Workspace(run.settings, run.progress) as workspace:
            result = plan_image(request, workspace)
        run.show("plan", result, plan_text(result, run.console.width))


def why(
    subject: _Subject,
    target: Annotated[str, typer.Argument(help="A path of the image, or a package.")],
    platform: Annotated[
        str | None, typer.Option(help="Which platform's image.", show_default=False)
    ] = None,
    variant: Annotated[str, typer.Option(help="Which variant of a recipe.")] = "runtime",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Say which package, rule or effect put a path there, and which request pulled that in."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.explain import why_text
        from neve.verbs.context import Workspace
        from neve.verbs.platforms import parse_platforms
        from neve.verbs.why import WhyRequest, explain

        platforms = parse_platforms([platform] if platform else ())
        request = WhyRequest(subject=subject, target=target, variant=variant, platforms=platforms)
        with Workspace(run.settings, run.progress) as workspace:
            result = explain(request, workspace)
        run.show("why", result, why_text(result, run.console.width))


def diff(
    before: _Subject,
    after: _Subject,
    platform: Annotated[
        str | None, typer.Option(help="Which platform's image.", show_default=False)
    ] = None,
    variant: Annotated[str, typer.Option(help="Which variant of recipes.")] = "runtime",
    output_format: FormatOption = OutputFormat.TABLE,
    quiet: QuietOption = False,
    offline: OfflineOption = None,
    store: StoreOption = None,
) -> None:
    """Compare two images (or recipes): packages, files, users, configuration, size."""
    with session(output_format, quiet=quiet, offline=offline, store=store) as run:
        from neve.report.explain import diff_text
        from neve.verbs.context import Workspace
        from neve.verbs.diff import DiffRequest, compare
        from neve.verbs.platforms import parse_platforms

        platforms = parse_platforms([platform] if platform else ())
        request = DiffRequest(before=before, after=after, variant=variant, platforms=platforms)
        with Workspace(run.settings, run.progress) as workspace:
            result = compare(request, workspace)
        run.show("diff", result, diff_text(result, run.console.width))
