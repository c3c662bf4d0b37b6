"""``neve debug``: tools beside what has none, a running container, a pod or an image."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from neve.errors import ToolError, UsageError
from neve.verbs.context import Workspace
from neve.verbs.debug_commands import (
    SEEN_AT,
    SHELL,
    ContainerTarget,
    PodTarget,
    engine_command,
    is_container_name,
    kubectl_command,
    parse_target,
    root_container,
)
from neve.verbs.debug_tools import ToolsRecipe, tools_recipe

if TYPE_CHECKING:
    from neve.sandbox.containers import Inspected

CUSTOM_FILE = "neve-debug-root.json"
_REGISTRY = "REGISTRY"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugRequest:
    """What to look into. ``command`` instead of a shell; ``tools`` is an image instead of the
    fitting one; ``root`` instead of the target's user. ``run`` ``None``: an image is entered, the
    command for a container or pod is only shown.
    """

    target: str
    command: tuple[str, ...] = ()
    tools: str | None = None
    root: bool = False
    namespace: str | None = None
    run: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugResult:
    """How the target is looked into. ``where`` is ``docker``, ``podman``, ``kubectl`` or
    ``sandbox``; ``steps`` are commands that come first, ``command`` is the one that opens the
    shell (none in the sandbox); ``seen_at`` is where the tools find the target's root. ``files``
    are files that the command reads: name → content. ``exit_code`` is set once it ran.
    """

    target: str
    where: str
    tools: str
    user: str
    seen_at: str
    steps: tuple[tuple[str, ...], ...] = ()
    command: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request with what it is answered by; ``entering`` is called before a program gets the
    terminal.
    """

    request: DebugRequest
    workspace: Workspace
    entering: Callable[[], object]


def debug_target(
    request: DebugRequest, workspace: Workspace, *, entering: Callable[[], object] = lambda: None
) -> DebugResult:
    """Show, or carry out, how to look into the target.

    ``entering`` is called right before a program gets the terminal. Raises ``UsageError`` for a
    target that can't be told or needs ``--tools``, ``ToolError`` where the engine, cluster or
    sandbox does not work.
    """
    asked = _Asked(request=request, workspace=workspace, entering=entering)
    found = parse_target(request.target, namespace=request.namespace)
    if found is None:
        found = _running_container(request.target, workspace)
    if isinstance(found, PodTarget):
        return _debug_pod(found, asked)
    if isinstance(found, ContainerTarget):
        return _debug_container(found, asked)
    return _debug_image(asked)


def _running_container(text: str, workspace: Workspace) -> ContainerTarget | None:
    """The container that a local engine has by the name ``text``; ``None`` for an image."""
    from neve.sandbox.containers import inspect_container
    from neve.verbs.images import is_remote, local_place

    if is_remote(text) or local_place(text) is not None or not is_container_name(text):
        return None
    chosen = workspace.settings.engine
    answered = False
    for program in (p for p in ("podman", "docker") if chosen in ("auto", p) and shutil.which(p)):
        try:
            known = inspect_container(program, text)
        except ToolError:
            continue  # it does not answer: the other one may
        answered = True
        if known is not None:
            return ContainerTarget(program=program, name=text)
    if answered:
        return None
    raise UsageError(
        f"{text}: no such file, and no container engine answers here to ask for a container",
        resolution=f"Write docker:{text} or podman:{text} for the command to run where the engine "
        f"is, pod/{text} for a pod, or docker://{text} for an image in a registry.",
    )


def _inspected(target: ContainerTarget, request: DebugRequest) -> Inspected | None:
    """What the engine says; ``None`` where it does not answer and nothing has to run here."""
    from neve.sandbox.containers import inspect_container

    try:
        known = inspect_container(target.program, target.name)
    except ToolError:
        if request.run:
            raise
        return None
    if known is None:
        raise UsageError(
            f"{target.program} has no container {target.name!r}",
            resolution=f"`{target.program} ps` lists those that run.",
        )
    return known


def _debug_container(target: ContainerTarget, asked: _Asked) -> DebugResult:
    from neve.sandbox.terminal import on_terminal, run_attached

    request = asked.request
    known = _inspected(target, request)
    user = (0, 0) if request.root else (known.user if known is not None else None)
    recipe = None if request.tools else tools_recipe(known.labels if known is not None else {})
    tools = request.tools or (recipe.tag if recipe is not None else "")
    command = engine_command(
        target,
        tools=tools,
        user=user,
        command=request.command,
        terminal=not request.run or on_terminal(),
    )
    notes = () if user is not None else (_UNKNOWN_USER,)
    result = DebugResult(
        target=f"{target.program}:{target.name}",
        where=target.program,
        tools=tools,
        user=_user_text(user, "the tools image's"),
        seen_at=SEEN_AT,
        steps=(recipe.build_command("--load", "--tag", recipe.tag),) if recipe else (),
        command=command,
        notes=notes,
    )
    if not request.run:
        return result
    if recipe is not None:
        _load(recipe, target.program, asked.workspace)
    asked.entering()
    return replace(result, exit_code=run_attached(command, own_terminal=False))


_UNKNOWN_USER = (
    "the engine could not be asked who the container runs as: add --user UID:GID of its processes, "
    "else their files can't be seen"
)


def _debug_pod(target: PodTarget, asked: _Asked) -> DebugResult:
    request = asked.request
    recipe = None if request.tools else tools_recipe({})
    tools = request.tools or (f"{_REGISTRY}/{recipe.tag}" if recipe is not None else "")
    notes: list[str] = []
    if target.container is None:
        notes.append(
            "no container is named, so its processes are not shared and its files not seen: write "
            f"pod/{target.pod}/CONTAINER, one of `kubectl get pod {target.pod} -o "
            "jsonpath='{.spec.containers[*].name}'`"
        )
    if recipe is not None:
        notes.append(f"the cluster pulls the tools: put your registry in place of {_REGISTRY}")
    result = DebugResult(
        target=f"pod/{target.pod}" + (f"/{target.container}" if target.container else ""),
        where="kubectl",
        tools=tools,
        user="root" if request.root else "the pod's, else the tools image's",
        seen_at=SEEN_AT,
        steps=(recipe.build_command("--push", tools),) if recipe is not None else (),
        command=kubectl_command(
            target,
            tools=tools,
            root=request.root,
            command=request.command,
            custom=CUSTOM_FILE if request.root else None,
        ),
        files=((CUSTOM_FILE, root_container()),) if request.root else (),
        notes=tuple(notes),
    )
    if not request.run:
        return result
    if recipe is not None or target.container is None:
        raise UsageError(
            "a pod is only entered with an image that the cluster can pull, and by container"
            if target.container is not None
            else f"pod/{target.pod}: which container?",
            resolution="Push the debug variant and name it with --tools, and write "
            f"pod/{target.pod}/CONTAINER.",
        )
    return _run_kubectl(target, asked, result)


def _run_kubectl(target: PodTarget, asked: _Asked, result: DebugResult) -> DebugResult:
    import tempfile
    from pathlib import Path

    from neve.sandbox.terminal import on_terminal, run_attached

    request = asked.request
    with tempfile.TemporaryDirectory(prefix="neve-debug-") as folder:
        custom = Path(folder) / CUSTOM_FILE
        if request.root:
            custom.write_text(root_container())
        command = kubectl_command(
            target,
            tools=result.tools,
            root=request.root,
            command=request.command,
            custom=str(custom) if request.root else None,
            terminal=on_terminal(),
        )
        asked.entering()
        return replace(result, exit_code=run_attached(command, own_terminal=False))


def _debug_image(asked: _Asked) -> DebugResult:
    from neve.sandbox.bubblewrap import Bubblewrap
    from neve.verbs.debug_image import TARGET, Shell, looked_into, run_tools, tools_source

    request, workspace = asked.request, asked.workspace
    sandbox = None if request.run is False else Bubblewrap.probe()
    with looked_into(request.target, workspace, unpack=sandbox is not None) as target:
        recipe = None if request.tools else tools_recipe(target.labels)
        result = DebugResult(
            target=request.target,
            where="sandbox",
            tools=request.tools or _named(recipe),
            user=_user_text((0, 0) if request.root else (target.uid, target.gid), ""),
            seen_at=TARGET,
            steps=(recipe.build_command(),) if recipe is not None else (),
        )
        if sandbox is None:
            return result
        name, variant = (recipe.recipe, recipe.variant) if recipe else (result.tools, None)
        with tools_source(name, variant, workspace) as tools:
            shell = Shell(
                sandbox=sandbox,
                command=request.command or SHELL,
                root=request.root,
                entering=asked.entering,
            )
            code = run_tools(tools, target, shell, workspace)
        return replace(result, exit_code=code)


def _named(recipe: ToolsRecipe | None) -> str:
    return "" if recipe is None else f"{recipe.recipe} ({recipe.variant})"


def _load(recipe: ToolsRecipe, program: str, workspace: Workspace) -> None:
    """Build the tools and hand them to the engine."""
    from neve.verbs.build import BuildRequest, build_image
    from neve.verbs.places import find_recipe

    workspace.settings = replace(workspace.settings, engine=program)
    request = BuildRequest(
        place=find_recipe(recipe.recipe), variant=recipe.variant, tag=recipe.tag, load=True
    )
    build_image(request, workspace)


def _user_text(user: tuple[int, int] | None, unknown: str) -> str:
    return unknown if user is None else f"{user[0]}:{user[1]}"
