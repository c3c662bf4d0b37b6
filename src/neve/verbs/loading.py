"""Handing an image to the local Docker or Podman."""

from __future__ import annotations

import tempfile

from neve.errors import UsageError
from neve.oci.archive import stream_docker_archive
from neve.oci.bundle import PlatformImage
from neve.verbs.context import Workspace


def load_into_engine(image: PlatformImage, tag: str, workspace: Workspace) -> str:
    """Load ``image`` as ``tag``; what the engine calls it. Raises ``ToolError`` if it can't."""
    from neve.sandbox.choose import choose_engine
    from neve.sandbox.engine import ENGINES, Engine

    chosen = workspace.settings.engine
    engine = Engine.probe(chosen) if chosen in ENGINES else choose_engine()
    if engine is None:
        raise UsageError(
            "--load needs Docker or Podman, and neither answers here",
            resolution="Start one, or write a docker-archive with --image-format and load that.",
        )
    with tempfile.TemporaryFile() as archive:
        stream_docker_archive(image, archive, workspace.store, tags=[tag])
        archive.seek(0)
        return engine.load(archive)
