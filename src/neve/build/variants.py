"""Variants that lie on top of the runtime image: its layers, digest for digest, and what they add.

A debug or dev variant is assembled as a superset of its own, with less hardening; here it becomes
the runtime's tree and the difference to it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from neve.build.tree import Assembly
from neve.build.variant_kinds import DEV
from neve.oci.layering import LayerPlan, partition
from neve.tree import FileEntry, Kind, Put, Tree


def on_top_of(runtime: Assembly, assembly: Assembly, kind: str) -> Assembly:
    """``assembly`` as what lies on ``runtime``.

    A debug variant hides and changes nothing that it need not: what it lacks stays, and so do the
    directories' modes. A dev variant is exactly what it was assembled as.
    """
    if kind == DEV:
        return replace(assembly, base=runtime)
    tree = Tree(runtime.tree)
    for entry in assembly.tree:
        held = runtime.tree.get(entry.path)
        if held is None or not _unchanged(runtime.tree, held, assembly.tree, entry):
            tree.apply(Put(entry))
    for path, reason in (*runtime.tree.removed.items(), *assembly.tree.removed.items()):
        if path not in tree:
            tree.removed[path] = reason
    return replace(assembly, tree=tree, base=runtime)


def layers_of(
    assembly: Assembly, *, order: Sequence[str], base_order: Sequence[str]
) -> tuple[LayerPlan, ...]:
    """The image's layers, lowest first; ``order`` and ``base_order`` as ``partition`` takes them,
    for the image and for the runtime image below it. What lies on that is one layer.
    """
    if assembly.base is None:
        return partition(assembly.tree, order=order)
    below = assembly.base.tree
    plans = partition(below, order=base_order)
    above = [entry for entry in assembly.tree if not _in(below, entry)]
    hidden = tuple(_hidden(below, assembly.tree))
    if not above and not hidden:
        return plans
    return (*plans, replace(_one_layer(assembly.tree, above), removed=hidden))


def _hidden(below: Tree, tree: Tree) -> Iterator[str]:
    """The topmost paths of ``below`` that are not in ``tree``.

    What lay below a directory that is something else in ``tree`` is hidden by that already.
    """
    gone = ""
    for entry in below:
        now = tree.get(entry.path)
        if gone and entry.path.startswith(gone):
            continue
        if now is not None:
            if entry.kind is Kind.DIRECTORY and now.kind is not Kind.DIRECTORY:
                gone = f"{entry.path}/"
            continue
        gone = f"{entry.path}/"
        yield entry.path


def _one_layer(tree: Tree, above: Sequence[FileEntry]) -> LayerPlan:
    """One layer of ``above``, with the directories over them."""
    chosen = {entry.path: replace(entry, owners=()) for entry in above}
    for path in list(chosen):
        parent = posixpath.dirname(path)
        while parent not in chosen and parent in tree:
            chosen[parent] = replace(tree[parent], owners=())
            parent = posixpath.dirname(parent)
    for link in [entry for entry in chosen.values() if entry.kind is Kind.HARDLINK]:
        held = tree.content_entry(link)
        chosen[link.path] = (
            replace(link, target=held.path)
            if held.path in chosen
            else replace(held, path=link.path, owners=(), reason=link.reason)
        )
    (plan,) = partition(chosen.values())
    packages = sorted({name for entry in above for name in entry.owners})
    return replace(plan, name="variant", packages=tuple(packages))


def _in(below: Tree, entry: FileEntry) -> bool:
    held = below.get(entry.path)
    return held is not None and _same(held, entry)


def _unchanged(below: Tree, held: FileEntry, tree: Tree, entry: FileEntry) -> bool:
    """Whether ``held`` can stay: a directory, or the same file, though another of its names was
    pruned below and it is a hard link above.
    """
    if held.kind is Kind.DIRECTORY and entry.kind is Kind.DIRECTORY:
        return True
    return _same(below.content_entry(held), tree.content_entry(entry))


def _same(held: FileEntry, entry: FileEntry) -> bool:
    """Whether a layer would show the same; of directories the time is no part of that."""
    if _shown(held) != _shown(entry):
        return False
    if held.kind is Kind.DIRECTORY:
        return True
    mine, other = held.content, entry.content
    if mine is None or other is None:
        return mine is other and held.mtime == entry.mtime
    return mine.digest == other.digest and held.mtime == entry.mtime


def _shown(entry: FileEntry) -> tuple[object, ...]:
    return (entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.xattrs)
