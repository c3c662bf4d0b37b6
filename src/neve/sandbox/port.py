"""The sandbox port: what may be asked of anything that runs an image.

Types only. A *pod* is a private loopback network that containers share, as a Kubernetes pod
does; a *container* is one image with its own writable paths, in which programs run one after
another or beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neve.sandbox.process import Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableImage:
    """An image ready to run, in the words of its OCI configuration, ids numeric.

    ``root`` is its root file system as a private directory (bubblewrap), ``reference`` its name
    in an engine (Docker, Podman); an adapter says which it needs. ``writable`` are the only
    paths that may be written, besides ``/tmp``; each starts with the image's own content,
    owner and mode. Everything else is read-only. ``shown`` are directories of this host that the
    image sees read-only, each with its place in the image (bubblewrap).
    """

    root: Path | None = None
    reference: str | None = None
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    workdir: str = "/"
    writable: tuple[str, ...] = ()
    stop_signal: int = 15
    shown: tuple[tuple[Path, str], ...] = ()


class Container(Protocol):
    """One image in a pod."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end, as the image's user, beside what was started.

        ``environment`` is added to the image's own. A program that is not in the image ends
        with exit code 127, one killed by signal N with 128 + N.
        """
        ...

    def start(self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Start the long-running program of this container, as process 1."""
        ...

    @property
    def running(self) -> bool:
        """The started program has not ended."""
        ...

    def logs(self) -> bytes:
        """The head of what the started program wrote to standard output and error."""
        ...

    def stop(self, number: int, timeout: float) -> Completed:
        """Send signal ``number`` to the started program and wait for its end.

        ``timed_out`` is set where it was still running after ``timeout`` seconds; it is killed
        then.
        """
        ...


class Pod(Protocol):
    """A private network of containers that share one loopback interface."""

    def add(self, image: RunnableImage, *, name: str) -> Container:
        """Put an image in; ``name`` becomes a host name for 127.0.0.1 inside the pod."""
        ...

    def exchange(self, port: int, payload: bytes, *, timeout: float = 10.0) -> bytes | None:
        """Connect to ``port`` of the loopback interface, send ``payload``, read the answer.

        Reads to the end of the stream or 1 MiB. With an empty payload the connection is closed
        at once. ``None`` where nothing accepts the connection.
        """
        ...


class Sandbox(Protocol):
    """Something that runs images: bubblewrap, Docker, Podman."""

    @property
    def description(self) -> str:
        """The engine and what it cannot show exactly, for people."""
        ...

    @property
    def needs_reference(self) -> bool:
        """It runs images by ``reference`` (an engine), not from ``root``."""
        ...

    def pod(
        self, *, names: Sequence[str] = (), ports: Sequence[int] = ()
    ) -> AbstractContextManager[Pod]:
        """Open a pod in which ``names`` mean 127.0.0.1 and ``ports`` may be asked."""
        ...
