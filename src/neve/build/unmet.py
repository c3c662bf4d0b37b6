"""What a recipe says that came to nothing in the image: shown, since silence would look like yes.

None of it stops a build: a program may come from a volume or a later layer, a pattern may hold
for another platform only. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from neve.effects.prune_patterns import Patterns
from neve.effects.recipe import RunAs
from neve.model import Check, Origin, Skipped, Waived
from neve.recipe.types import Loosening, Run
from neve.tree import FileEntry, Kind, Tree

LOW_PORTS = range(1, 1024)
"""What Linux keeps for privileged processes: ``net.ipv4.ip_unprivileged_port_start`` is 1024."""

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unmet_wishes(
    tree: Tree,
    run: Run,
    *,
    keep: Sequence[str],
    loosened: Sequence[Loosening],
    judged: Iterable[Check],
    run_as: RunAs | None = None,
) -> tuple[Check, ...]:
    """One skipped check for each program that is not there, each port and volume that the account
    it runs as may not have, and each ``keep`` or ``loosened`` that changed nothing.

    ``judged`` are the hardening checks; ``run_as`` is ``None`` where services have accounts
    of their own.
    """
    return (
        *_programs(tree, run),
        *(_ports(run, run_as) if run_as is not None else ()),
        *(_volumes(tree, run, run_as) if run_as is not None else ()),
        *_kept(tree, keep),
        *_loosenings(loosened, judged),
    )


def _programs(tree: Tree, run: Run) -> Iterator[Check]:
    check = run.health_check
    wanted = {
        "run.entrypoint": run.entrypoint[:1],
        "run.command": () if run.entrypoint else run.command[:1],
        "run.health_check": check.command[:1] if check is not None else (),
    }
    for key, words in wanted.items():
        for word in words:
            if not any(tree.locate(path) is not None for path in _candidates(word, run)):
                why = f"{word} is not in the image: a volume or a later layer has to bring it"
                yield Check(rule="program-missing", subject=key, verdict=Skipped(why))


def _ports(run: Run, run_as: RunAs) -> Iterator[Check]:
    """Ports that only the runtime can open: what Docker, Podman and Kubernetes do differs.

    Sources: moby 20.10 (PR 41030) and containerd 2.0 (PR 9348) lower the limit in a network
    namespace of their own, CRI-O and Podman do not; Kubernetes 1.22 counts the sysctl as safe.
    A capability reaches a process that is not root only as an ambient one, which of these only
    Podman sets.
    """
    if run_as.uid == 0:
        return
    for position, port in enumerate(run.ports):
        number = int(port.partition("/")[0])
        if number in LOW_PORTS:
            why = (
                f"uid {run_as.uid} is not root, so whether it may listen on {port} is up to the "
                "runtime. Docker from 20.10 and containerd from 2.0 let it (not on the host's own "
                "network); Podman, CRI-O and older ones do not. Two ways out: listen on a port "
                f"from 1024 on and publish that as {number} (-p {number}:8080, a Service's "
                "targetPort); or run it with net.ipv4.ip_unprivileged_port_start=0 (--sysctl; a "
                "safe sysctl in Kubernetes from 1.22). --cap-add NET_BIND_SERVICE is enough under "
                "Podman alone: elsewhere it does not reach a process that is not root"
            )
            yield Check(rule="low-port", subject=f"run.ports[{position}]", verdict=Skipped(why))


def _volumes(tree: Tree, run: Run, run_as: RunAs) -> Iterator[Check]:
    """Volumes that the image has already, owned by another account."""
    if run_as.uid == 0:
        return
    for position, path in enumerate(run.volumes):
        entry = tree.locate(path)
        if entry is None or entry.kind is not Kind.DIRECTORY or _may_write(entry, run_as):
            continue
        why = (
            f"{path} is {entry.uid}:{entry.gid} {entry.mode:04o}, and so is an empty volume there: "
            f"{run_as.user} may not write it. If it is to hold data, name it under run.writable too"
        )
        yield Check(
            rule="volume-not-writable", subject=f"run.volumes[{position}]", verdict=Skipped(why)
        )


def _may_write(entry: FileEntry, run_as: RunAs) -> bool:
    if entry.uid == run_as.uid:
        return bool(entry.mode & 0o200)
    return bool(entry.mode & (0o020 if entry.gid == run_as.gid else 0o002))


def _candidates(word: str, run: Run) -> list[str]:
    if word.startswith("/"):
        return [word]
    if "/" in word:
        return [f"{run.workdir or ''}/{word}"]
    search = dict(run.environment).get("PATH", _DEFAULT_PATH)
    return [f"{folder}/{word}" for folder in search.split(":") if folder.startswith("/")]


def _kept(tree: Tree, keep: Sequence[str]) -> Iterator[Check]:
    for position, pattern in enumerate(keep):
        patterns = Patterns((pattern,))
        if not any(patterns.match(e.path) for e in tree if e.reason.origin is not Origin.RULE):
            why = f"{pattern} matches nothing in the image"
            yield Check(rule="keep-unused", subject=f"keep[{position}]", verdict=Skipped(why))


def _loosenings(loosened: Sequence[Loosening], judged: Iterable[Check]) -> Iterator[Check]:
    used = {
        (check.verdict.waiver.rule, check.verdict.waiver.subject)
        for check in judged
        if isinstance(check.verdict, Waived)
    }
    for position, loosening in enumerate(loosened):
        if (loosening.rule, loosening.subject or "*") not in used:
            why = f"{loosening.rule} had nothing to loosen for {loosening.subject or 'the image'}"
            subject = f"loosened[{position}]"
            yield Check(rule="loosening-unused", subject=subject, verdict=Skipped(why))
