"""Command lines that put a container of tools beside one that runs. Pure: nothing is started."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from neve.errors import UsageError

SHELL = ("/bin/bash",)
SEEN_AT = "/proc/1/root"
"""Where tools that share a container's processes find its files."""

# What Docker and Podman take (moby, daemon/names; libpod, define.NameRegex) and what Kubernetes
# does (RFC 1123 subdomain): never the beginning of an option.
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_OBJECT = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTarget:
    """A pod and, where it is known, one of its containers."""

    pod: str
    namespace: str | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTarget:
    """A container of the local engine ``program``, by name or id."""

    program: str
    name: str


def parse_target(text: str, *, namespace: str | None = None) -> PodTarget | ContainerTarget | None:
    """``pod/NAME[/CONTAINER]``, ``kubectl:NAMESPACE/POD[/CONTAINER]``, ``docker:NAME`` or
    ``podman:NAME``; ``None`` for what is no such thing (an image, or a container's bare name).

    Raises ``UsageError`` where a name is none that the engine or the cluster would take.
    """
    head, colon, rest = text.partition(":")
    if colon and head in ("docker", "podman") and not rest.startswith("//"):
        return ContainerTarget(program=head, name=_checked(rest, _CONTAINER, text))
    if colon and head == "kubectl":
        parts = rest.split("/")
        if len(parts) not in (2, 3):
            raise _malformed(text)
        namespace, parts = parts[0], parts[1:]
    elif text.startswith("pod/"):
        parts = text.split("/")[1:]
        if len(parts) not in (1, 2):
            raise _malformed(text)
    else:
        return None
    container = _checked(parts[1], _OBJECT, text) if len(parts) == 2 else None
    return PodTarget(
        pod=_checked(parts[0], _OBJECT, text),
        namespace=None if namespace is None else _checked(namespace, _OBJECT, text),
        container=container,
    )


def is_container_name(text: str) -> bool:
    """Whether an engine could have a container of that name or id."""
    return _CONTAINER.fullmatch(text) is not None


def engine_command(
    target: ContainerTarget,
    *,
    tools: str,
    user: tuple[int, int] | None,
    command: Sequence[str] = (),
    terminal: bool = True,
) -> tuple[str, ...]:
    """``docker run`` or ``podman run`` of ``tools`` in the processes and network of ``target``.

    ``user`` is (uid, gid); ``None`` leaves it to the tools image. Root is let trace processes, as
    the kernel else shows it only those with fewer rights: ptrace(2), "access mode checking".
    """
    program, *arguments = command or SHELL
    rights = ["--cap-add", "SYS_PTRACE"]
    if user is None or user[0] != 0:
        rights = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    return (
        *(target.program, "run", "-it" if terminal else "-i", "--rm"),
        *("--pid", f"container:{target.name}", "--network", f"container:{target.name}"),
        *(("--user", f"{user[0]}:{user[1]}") if user is not None else ()),
        *rights,
        *("--read-only", "--tmpfs", "/tmp:mode=1777", "--workdir", "/tmp"),  # noqa: S108
        *("--env", "HOME=/tmp", "--entrypoint", program, tools, *arguments),
    )


def kubectl_command(
    target: PodTarget,
    *,
    tools: str,
    root: bool = False,
    command: Sequence[str] = (),
    custom: str | None = None,
    terminal: bool = True,
) -> tuple[str, ...]:
    """``kubectl debug`` with an ephemeral container of ``tools`` in the processes of ``target``.

    By default under the restricted pod security standard, as the pod's or the tools image's own
    user. ``custom`` is a file of `root_container`, needed to be ``root``.
    """
    return (
        *("kubectl", "debug", "-it" if terminal else "-i", f"pod/{target.pod}"),
        *(("--namespace", target.namespace) if target.namespace else ()),
        f"--image={tools}",
        *((f"--target={target.container}",) if target.container else ()),
        f"--profile={'general' if root else 'restricted'}",
        *((f"--custom={custom}",) if custom else ()),
        *("--", *(command or SHELL)),
    )


def root_container() -> str:
    """The partial container that makes ``kubectl debug --custom`` run it as root."""
    return json.dumps({"securityContext": {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}})


def _checked(name: str, grammar: re.Pattern[str], text: str) -> str:
    if grammar.fullmatch(name) is None:
        raise _malformed(text)
    return name


def _malformed(text: str) -> UsageError:
    return UsageError(
        f"{text}: no name of a container or pod",
        resolution="Write docker:NAME, podman:NAME, pod/NAME[/CONTAINER] or "
        "kubectl:NAMESPACE/POD[/CONTAINER].",
    )
