"""Steps: what a build does, as data. A step's id is the key of its result in the action cache.

Dry run (``neve plan``), cache and later distributed work share these; a step is never a closure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from neve.model import Digest, sha256_of

TREE_VERSION = "2"
"""Changes whenever the same packages and effects would give another tree; part of a lock."""


class StepKind(StrEnum):
    """What a step does. Steps of one kind with equal inputs have equal results."""

    FETCH = "fetch"
    READ_INDEX = "read-index"
    READ_PACKAGE = "read-package"
    BYTE_COMPILE = "byte-compile"
    PACK_LAYER = "pack-layer"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unit of work. ``inputs`` are digests and versions, in order; ``reason`` is for people
    and is no part of the identity.
    """

    kind: StepKind
    inputs: tuple[str, ...]
    reason: str = ""

    @property
    def id(self) -> Digest:
        """The hash of kind and inputs."""
        return sha256_of(json.dumps([self.kind.value, *self.inputs]).encode())
