"""The versions of everything in neve that shapes an image's bytes; a lock records them."""

from __future__ import annotations

from neve.attest.subject import ATTEST_VERSION
from neve.build.steps import TREE_VERSION
from neve.effects.versions import (
    EFFECTS_VERSION,
    HARDEN_RULES_VERSION,
    NEEDS_VERSION,
    PRUNE_RULES_VERSION,
)
from neve.formats.deb.facts import FACTS_VERSION
from neve.oci.codec import Compression, codec_version
from neve.oci.layering import LAYER_FORMAT_VERSION, LAYERING_VERSION
from neve.recipe.services import SERVICES_VERSION
from neve.sandbox.bytecode import BYTECODE_VERSION


def rule_versions(*, services: bool = False) -> tuple[tuple[str, str], ...]:
    """(name, version) pairs, sorted by name; those of ``services`` only for a recipe with any, so
    that no other image changes with them.
    """
    return tuple(
        sorted(
            {
                **({"services": SERVICES_VERSION} if services else {}),
                "attest": ATTEST_VERSION,
                "bytecode": BYTECODE_VERSION,
                "codec.gzip": codec_version(Compression.GZIP),
                "codec.zstd": codec_version(Compression.ZSTD),
                "effects": EFFECTS_VERSION,
                "facts": FACTS_VERSION,
                "harden": HARDEN_RULES_VERSION,
                "layer-format": LAYER_FORMAT_VERSION,
                "layering": LAYERING_VERSION,
                "needs": NEEDS_VERSION,
                "prune": PRUNE_RULES_VERSION,
                "tree": TREE_VERSION,
            }.items()
        )
    )


def changed_rules(
    locked: tuple[tuple[str, str], ...], *, services: bool = False
) -> tuple[tuple[str, str | None, str | None], ...]:
    """Rules that this neve has otherwise than a lock: (name, locked, own)."""
    old, own = dict(locked), dict(rule_versions(services=services))
    return tuple(
        (name, old.get(name), own.get(name))
        for name in sorted(old.keys() | own.keys())
        if old.get(name) != own.get(name)
    )
