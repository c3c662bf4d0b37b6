"""Edits from a recipe's ``services:``: the scripts and directories their supervisor works from.

Each path carries ``services.NAME`` (or ``services``) as its reason. What a service names, a
program or an account, has to be in the image: what is not is refused at its place.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from neve.effects.accounts import AccountError, Accounts
from neve.effects.bench import EffectContext, Workbench
from neve.effects.harden_reach import find_program
from neve.effects.recipe import RunAs
from neve.effects.services_clients import http_client
from neve.effects.services_container import (
    TEMPLATE,
    end_script,
    healthy_script,
    init_script,
    say_script,
    stop_script,
)
from neve.effects.services_ends import failed_script, finish_script
from neve.effects.services_execline import EXECLINE
from neve.effects.services_lines import Placed, milliseconds
from neve.effects.services_ready import check_script
from neve.effects.services_scripts import run_script
from neve.errors import FieldError
from neve.model import Origin, Reason
from neve.recipe.services import (
    SCRIPTS_HOME,
    SERVICES_HEALTHY,
    SERVICES_HOME,
    SERVICES_INIT,
    SUPERVISOR,
)
from neve.recipe.types import Recipe, Service
from neve.tree import Edit, Kind, Remove, Tree

_RUNTIME = "/run/services"
_NOTIFICATION = b"9\n"
_STOPPING_SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT")
_ALWAYS_KEPT = frozenset(
    (
        *("/usr/bin/s6-supervise", "/usr/bin/s6-ftrigrd", "/usr/bin/s6-svlisten1"),
        *("/usr/bin/s6-svc", "/usr/bin/s6-svstat", f"{EXECLINE}/execlineb"),
    )
)
"""What the supervisor's programs start themselves, and the two to look after it by hand."""


def add_services(
    tree: Tree, recipe: Recipe, run_as: RunAs, context: EffectContext
) -> tuple[Edit, ...]:
    """Add the supervisor's files for the recipe's services to ``tree``; nothing without any.

    Raises ``FieldError`` for an account or a readiness check that cannot be.
    """
    if not recipe.services:
        return ()
    bench = Workbench(tree, context)
    accounts = Accounts.start(bench)
    for service in recipe.services:
        _add_service(bench, _place(bench, accounts, recipe, service, run_as))
    _add_container(bench, recipe, run_as)
    _leave_out(bench, {request.name for request in recipe.packages})
    return tuple(bench.edits)


def _add_service(bench: Workbench, placed: Placed) -> None:
    service = placed.service
    reason = Reason(Origin.RECIPE, f"services.{service.name}", "supervised by s6")
    home, live = f"{SCRIPTS_HOME}/{service.name}", f"{TEMPLATE}/{service.name}"
    scripts = {
        "run": run_script(placed),
        "finish": finish_script(service),
        "failed": failed_script(service),
        "check": check_script(placed),
    }
    for name, text in scripts.items():
        bench.write(f"{home}/{name}", text, reason, mode=0o755)
    for name, place in (("run", "run"), ("finish", "finish"), ("check", "data/check")):
        bench.link(f"{live}/{place}", f"{home}/{name}", reason)
    settings = {
        "notification-fd": _NOTIFICATION,
        "timeout-kill": f"{milliseconds(service.stop_grace_period)}\n".encode(),
        "down-signal": f"{service.stop_signal}\n".encode(),
    }
    for name, data in settings.items():
        bench.write(f"{live}/{name}", data, reason)


def _add_container(bench: Workbench, recipe: Recipe, run_as: RunAs) -> None:
    reason = Reason(Origin.RECIPE, "services", "starts, watches and stops them")
    services = recipe.services
    scripts = {
        SERVICES_INIT: init_script(services),
        SERVICES_HEALTHY: healthy_script(services),
        f"{SERVICES_HOME}/say": say_script(),
        f"{SERVICES_HOME}/stop": stop_script(services),
        f"{SERVICES_HOME}/end": end_script(),
    }
    for path, text in scripts.items():
        bench.write(path, text, reason, mode=0o755)
    control = f"{TEMPLATE}/.s6-svscan"
    bench.link(f"{control}/finish", f"{SERVICES_HOME}/end", reason)
    for signal in dict.fromkeys((*_STOPPING_SIGNALS, recipe.run.stop_signal or "SIGTERM")):
        bench.link(f"{control}/{signal}", f"{SERVICES_HOME}/stop", reason)
    mode = 0o770 if recipe.run.arbitrary_uid else 0o755
    bench.directory(_RUNTIME, reason, mode=mode, uid=run_as.uid, gid=run_as.gid)


def _place(
    bench: Workbench, accounts: Accounts, recipe: Recipe, service: Service, run_as: RunAs
) -> Placed:
    at = f"services.{service.name}"
    check: tuple[str, ...] = ()
    if service.ready is not None and service.ready.http is not None:
        check = http_client(bench.tree, service.ready.http, at)
    workdir = service.workdir or recipe.run.workdir or "/"
    if service.workdir is not None and not bench.is_directory(workdir):
        raise FieldError(
            f"there is no directory {workdir} in the image",
            field=f"{at}.workdir",
            resolution="Correct the path, or make it: files: {PATH: {directory: true}}.",
        )
    identity = _identity(accounts, service, run_as)
    environment = {}
    if identity is not None:
        home = next((u.home for u in accounts.users.values() if u.uid == identity[0]), "/")
        environment["HOME"] = home
    return Placed(
        service=service, workdir=workdir, identity=identity, environment=environment, check=check
    )


def _identity(
    accounts: Accounts, service: Service, run_as: RunAs
) -> tuple[int, int, tuple[int, ...]] | None:
    """Whom the service becomes; ``None`` where the container already runs as that user.

    Only root can become somebody else: without it every service runs as the image's user.
    """
    at = f"services.{service.name}.user"
    if service.user is None:
        if run_as.uid == 0:
            raise FieldError(
                f"the container starts as root, and nothing says who {service.name} runs as",
                field=f"services.{service.name}",
                resolution="Add user: with the account it runs as, or root if it has to be.",
            )
        return None
    try:
        uid = accounts.uid(service.user)
    except AccountError as error:
        near = get_close_matches(service.user, sorted(accounts.users), n=1)
        raise FieldError(
            f"no user is named {service.user!r}",
            field=at,
            resolution=(f"Did you mean {near[0]}? " if near else "")
            + "Add it under accounts.users, or the package that creates it.",
        ) from error
    if uid == run_as.uid:
        return None
    if run_as.uid != 0:
        raise FieldError(
            f"the container runs as uid {run_as.uid}, and only root can become {service.user}",
            field=at,
            resolution="Remove user: all services then run as the image's user. Where they must "
            "be apart, write run.user: root and loosen non-root; neve gives up root in each.",
        )
    known = next((user for user in accounts.users.values() if user.uid == uid), None)
    gid = known.gid if known is not None else uid
    name = known.name if known is not None else ""
    more = sorted(g.gid for g in accounts.groups.values() if name in g.members)
    return uid, gid, tuple(dict.fromkeys((gid, *more)))


def _leave_out(bench: Workbench, requested: Collection[str]) -> None:
    """Take away the supervisor's programs that no script of the image starts."""
    reason = Reason(Origin.RULE, "services-minimal", "no service needs this program")
    used = set(_ALWAYS_KEPT)
    for entry in bench.tree.under(SERVICES_HOME):
        data = bench.bytes_of(entry) or b""
        used |= {word.decode() for word in re.findall(rb"/usr/(?:lib/execline/)?bin/[\w-]+", data)}
    for name in (one for one in SUPERVISOR if one not in requested):
        for entry in list(bench.tree):
            programs = entry.path.startswith(("/usr/bin/", f"{EXECLINE}/"))
            if programs and entry.owners == (name,) and entry.path not in used:
                bench.edit(Remove(entry.path, reason))


def require_programs(tree: Tree, recipe: Recipe) -> None:
    """Raise ``FieldError`` for the first program of a service that the finished image lacks."""
    for service in recipe.services:
        at = f"services.{service.name}"
        _require(tree, service.command[0], f"{at}.command[0]")
        if service.ready is not None and service.ready.command:
            _require(tree, service.ready.command[0], f"{at}.ready.command[0]")


def _require(tree: Tree, program: str, at: str) -> None:
    found = find_program(tree, program)
    if found is None:
        raise FieldError(_absence(tree, program), field=at, resolution=_advice(tree, program))
    if not tree.content_entry(tree[found]).mode & 0o111:
        raise FieldError(
            f"{program} is not executable",
            field=at,
            resolution=f'Give it a mode: files: {{{program}: {{mode: "0755", …}}}}.',
        )


def _absence(tree: Tree, program: str) -> str:
    reason = tree.removed.get(program) or tree.removed.get(tree.resolve(program))
    if reason is not None:
        return f"{program} was taken away ({reason})"
    entry = tree.locate(program)
    if entry is not None and entry.kind is Kind.DIRECTORY:
        return f"{program} is a directory"
    return f"{program} is not in the image"


def _advice(tree: Tree, program: str) -> str:
    reason = tree.removed.get(program) or tree.removed.get(tree.resolve(program))
    if reason is not None:
        return f"Loosen {reason.subject} for {program} with its reason, or run the program itself."
    near = _near(tree, program)
    missing = "Add the package that has it, or the file itself under files:."
    return f"Did you mean {near}? {missing}" if near else missing


def _near(tree: Tree, program: str) -> str | None:
    """A program of the same name elsewhere, or one that is called almost so."""
    name = posixpath.basename(program)
    programs = sorted(_programs(tree))
    same = [path for path in programs if posixpath.basename(path) == name]
    near = get_close_matches(name, {posixpath.basename(path) for path in programs}, n=1)
    if not same and near:
        same = [path for path in programs if posixpath.basename(path) == near[0]]
    return same[0] if same else None


def _programs(tree: Tree) -> Iterable[str]:
    for entry in tree:
        if entry.kind is Kind.DIRECTORY or entry.path.startswith(SERVICES_HOME):
            continue
        target = tree.locate(entry.path)
        if target is None or target.kind not in (Kind.FILE, Kind.HARDLINK):
            continue
        folder = posixpath.basename(posixpath.dirname(entry.path))
        if folder in ("bin", "sbin") and tree.content_entry(target).mode & 0o111:
            yield entry.path
