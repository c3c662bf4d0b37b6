"""Images with services, run for real: built, laid out as a root, started as process 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from neve.contract.configured import subject_from
from neve.contract.rootfs import materialise
from neve.sandbox.bubblewrap import Bubblewrap, BubblewrapContainer, BubblewrapPod
from neve.sandbox.port import RunnableImage
from neve.sandbox.process import Completed
from neve.sandbox.scratch import remove_tree
from tests.support.images import Image, Works

RECIPE = """\
schema_version: 1
distribution: debian
release: "{release}"
packages: [{packages}]
files:
  /srv/actor.py: {{source: actor.py}}
"""
ACTOR = Path(__file__).with_name("actor.py")


@dataclass
class Running:
    """A container whose services were started."""

    pod: BubblewrapPod
    container: BubblewrapContainer
    image: RunnableImage

    def wait(self, condition: Callable[[], object], within: float = 15.0) -> None:
        """Until ``condition`` holds; fail with what was written."""
        end = time.monotonic() + within
        while not condition():
            assert time.monotonic() < end, self.container.logs().decode()
            time.sleep(0.03)

    def wait_for(self, text: str, within: float = 15.0) -> None:
        """Until ``text`` was written."""
        self.wait(lambda: text in self.container.logs().decode(), within)

    def end(self, within: float = 15.0) -> Completed:
        """How it ends by itself."""
        self.wait(lambda: not self.container.running, within)
        return self.container.stop(0, 1.0)

    def stop(self, within: float = 15.0) -> Completed:
        """How it ends when it is told to."""
        ended = self.container.stop(self.image.stop_signal, within)
        assert not ended.timed_out
        return ended


def built(
    works: Works,
    name: str,
    services: str,
    *,
    packages: str = "python3-minimal",
    release: str = "13",
) -> Image:
    """The image of ``services`` over a small Python program that plays a part (``actor.py``)."""
    name = f"services-{name}"  # other tests keep their recipes in the same place
    text = RECIPE.format(packages=packages, release=release) + services
    before = works.directory / "recipes" / name / "neve.yaml"
    output = works.directory / f"made-{name}"
    if output.exists() and before.read_text() == text:
        return works.image(output)
    return works.made(name, text, {"actor.py": ACTOR.read_bytes()})


@contextmanager
def laid_out(image: Image, directory: Path) -> Iterator[RunnableImage]:
    """``image`` as a directory, with what its configuration says."""
    root = directory / "root"
    root.mkdir(mode=0o755)
    materialise(image.tree, image.bytes_of, root)
    subject = subject_from("image", image.tree, image.bytes_of, image.source.configuration)
    try:
        yield _with_root(subject.image, root)
    finally:
        remove_tree(root)


@contextmanager
def running(image: RunnableImage) -> Iterator[Running]:
    """``image`` with its services started."""
    with Bubblewrap.probe().pod() as pod:
        container = pod.add(image, name="image")
        container.start(["/usr/lib/services/init"])
        yield Running(pod, container, image)


def _with_root(image: RunnableImage, root: Path) -> RunnableImage:
    return replace(image, root=root, writable=(*image.writable, "/run/services"))
