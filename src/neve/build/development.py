"""Dev variants: a whole, configured Debian with dpkg's own database, to build in.

Nothing is hardened: what is built here is copied into the runtime image, which is. Versions are
those of the runtime image, from the same lock.
"""

from __future__ import annotations

from dataclasses import replace

from neve.build.tree import (
    Assembly,
    Ingredients,
    add_wishes,
    assemble,
    configure,
    context_of,
    diversions_of,
    prune_request,
)
from neve.build.variant_kinds import DEV
from neve.distro import Release
from neve.effects.apply import settle_effects
from neve.effects.bench import EffectContext, Workbench
from neve.effects.certificates import stores_of
from neve.effects.harden import Hardened
from neve.effects.installed import Installed, plant_installed
from neve.effects.planted import plant_placeholders
from neve.effects.prune import prune
from neve.effects.recipe import RunAs
from neve.model import Origin, Reason
from neve.tree import Tree

_PRUNED = ("prune-documentation", "prune-manuals", "prune-info", "prune-locales")
_EXCLUDED = b"""\
# What this image leaves out of its packages, dpkg leaves out of those installed later.
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-include=/usr/share/locale/locale.alias
"""
_KEYRINGS = (
    "/usr/share/keyrings/{id}-archive-keyring.pgp",
    "/usr/share/keyrings/{id}-archive-keyring.gpg",
)


def assemble_variant(ingredients: Ingredients) -> Assembly:
    """The tree of the runtime image or of any variant by itself, by its kind."""
    if ingredients.variant.kind == DEV:
        return assemble_development(ingredients)
    return assemble(ingredients)


def assemble_development(ingredients: Ingredients) -> Assembly:
    """The tree of a dev variant. Raises what effects and the recipe's wishes raise."""
    tree, applied = configure(ingredients)
    planted = len(tree)
    context = context_of(ingredients)
    installed = Installed(
        packages=tuple(facts for facts, _ in ingredients.packages),
        alternatives=applied.alternatives,
        diversions={path: (one.to, one.by) for path, one in diversions_of(ingredients).items()},
    )
    wished = add_wishes(tree, ingredients, context)
    plant_placeholders(tree, context)
    tree.apply_all(prune(tree, replace(prune_request(ingredients), only=_PRUNED)))
    settle_effects(tree, applied)
    plant_installed(tree, installed, context)
    _plant_sources(tree, ingredients.release, context)
    return Assembly(
        tree=tree,
        run_as=RunAs(uid=0, gid=0, home="/root"),
        hardened=Hardened(edits=(), checks=(), refusals=()),
        planted=planted,
        bytecode_directories=applied.bytecode_directories,
        omitted=applied.omitted,
        certificates=wished.certificates(tree, ingredients, context),
        trust_stores=stores_of(tree, ingredients.recipe, wished.placed),
        accounts={**wished.accounts, **applied.accounts},
    )


def _plant_sources(tree: Tree, release: Release, context: EffectContext) -> None:
    """Where apt finds the distribution's archive, and what dpkg leaves out."""
    bench = Workbench(tree, context)
    reason = Reason(Origin.RULE, "dev-variant", "packages can be installed further")
    path = f"/etc/apt/sources.list.d/{release.id}.sources"
    if bench.content(path) is None:
        bench.write(path, sources_of(tree, release, context.parameters.arch).encode(), reason)
    bench.write("/etc/dpkg/dpkg.cfg.d/neve", _EXCLUDED, reason)


def sources_of(tree: Tree, release: Release, architecture: str) -> str:
    """The release's default suites as a deb822 source file, sources.list(5)."""
    names = [path.format(id=release.id) for path in _KEYRINGS]
    keyring = next((path for path in names if tree.locate(path) is not None), names[0])
    stanzas = []
    for alias in dict.fromkeys(suite.alias for suite in release.suites if suite.default):
        suites = [suite for suite in release.suites if suite.default and suite.alias == alias]
        host = release.host(alias, architecture)
        if host is None:
            continue
        components = dict.fromkeys(word for suite in suites for word in suite.components)
        stanzas.append(
            f"Types: deb\nURIs: {host.urls[0]}\n"
            f"Suites: {' '.join(suite.suite for suite in suites)}\n"
            f"Components: {' '.join(components)}\nSigned-By: {keyring}\n"
        )
    return "\n".join(stanzas)
