"""neve's own tree of an image before pruning: the whole closure planted, its effects applied."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from neve.build.answers import answer_scripts
from neve.build.tree import Ingredients, configure
from neve.build.variant_kinds import RUNTIME
from neve.distro import find_distro
from neve.model import Platform
from neve.recipe.types import Distribution, PackageRequest, ReadRecipe, Recipe, Variant
from neve.tree import Kind, Tree
from neve.verbs.context import Workspace
from neve.verbs.locking import bytes_reader, effects_database, fetch_facts, locked_package
from neve.verbs.progress import Silent
from neve.verbs.resolving import resolve_recipe
from neve.verbs.settings import load_settings
from tools.acceptance.images import Image
from tools.acceptance.manifest import Manifest, Node

PLATFORM = Platform("linux", "amd64")
_RELEASES = {"bookworm": "12", "trixie": "13"}


class Maker:
    """Makes trees with one store and one reading of the indexes."""

    def __init__(self, scratch: Path) -> None:
        import os

        settings = load_settings(
            {"max_index_age": 86400}, environment=os.environ, directory=scratch
        )
        self._workspace = Workspace(settings, Silent())

    def tree(self, image: Image) -> tuple[list[str], Manifest | str]:
        """The packages (``name=version``) in configuration order, and the manifest or why not."""
        recipe = Recipe(
            name=image.name.replace("/", "-"),
            base=Distribution(name="debian", release=_RELEASES[image.codename]),
            packages=tuple(PackageRequest(name=name) for name in image.requests),
            platforms=(PLATFORM,),
        )
        read = ReadRecipe(recipe=recipe, places={}, sources=(), contents={})
        resolved = resolve_recipe(read, self._workspace, platforms=(PLATFORM,), variants=(RUNTIME,))
        chosen = resolved.solutions[PLATFORM, RUNTIME].packages
        source = self._workspace.archives(resolved.release)
        archives = [archive.locked for archive in resolved.archives]
        facts = fetch_facts(self._workspace, source, [locked_package(c) for c in chosen], archives)
        packages = [f"{c.package.name}={c.package.version}" for c in chosen]
        answers = answer_scripts(
            [facts[c.package.digest] for c in chosen],
            database=effects_database(self._workspace, resolved.release),
            architecture="amd64",
            acknowledged=(),
            today=datetime.now(UTC).date(),
        )
        if answers.unknown:
            return packages, "; ".join(u.lines()[0] for u in answers.unknown)
        read_bytes = bytes_reader(self._workspace)
        tree, _ = configure(
            Ingredients(
                recipe=recipe,
                variant=Variant(name=RUNTIME),
                release=find_distro("debian", _RELEASES[image.codename]),
                architecture="amd64",
                packages=answers.packages,
                because={c.package.name: c.because for c in chosen},
                requested=frozenset(image.requests),
                contents={},
                time=0,
                read=read_bytes,
            )
        )
        return packages, _manifest(tree, read_bytes)


def _manifest(tree: Tree, read_bytes: object) -> Manifest:
    users, groups = _names(tree, "/etc/passwd", read_bytes), _names(tree, "/etc/group", read_bytes)
    nodes: dict[str, Node] = {}
    for entry in tree:
        held = tree.content_entry(entry)
        content = held.content
        kind = "file" if entry.kind is Kind.HARDLINK else entry.kind.value
        nodes[entry.path] = Node(
            kind=kind,
            mode=held.mode if kind != "symlink" else 0o777,
            owner=users.get(held.uid, str(held.uid)),
            group=groups.get(held.gid, str(held.gid)),
            target=entry.target if kind == "symlink" else None,
            digest=content.digest.value if content is not None else None,
        )
    texts = {
        path: read_bytes(tree.content_entry(tree[path])).decode()  # type: ignore[operator]
        for path in ("/etc/passwd", "/etc/group")
        if path in tree
    }
    return Manifest(nodes=nodes, texts=texts)


def _names(tree: Tree, path: str, read_bytes: object) -> dict[int, str]:
    if path not in tree:
        return {0: "root"}
    text = read_bytes(tree.content_entry(tree[path])).decode()  # type: ignore[operator]
    rows = [line.split(":") for line in text.split("\n") if line.count(":") >= 2]
    return {int(row[2]): row[0] for row in reversed(rows)}


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
