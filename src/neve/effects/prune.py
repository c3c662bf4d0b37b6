"""Pruning: taking away what an image does not need at run time, by recorded rules.

Pure: a tree in, edits out; each edit carries the rule's id, so that ``why`` answers for what is
missing too. A recipe's ``keep`` always wins. Which rules there are is data in ``prune_rules``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from neve.effects.prune_patterns import Patterns
from neve.effects.prune_rules import EMPTIED_RULE, HELPERS_RULE, PRUNE_RULES, PruneRule
from neve.model import Origin, Reason
from neve.tree import Edit, FileEntry, Kind, Remove, Tree

_ALL_RULES = (*PRUNE_RULES, HELPERS_RULE)
_DOCUMENTATION = next(rule for rule in PRUNE_RULES if rule.id == "prune-documentation")
_PRUNABLE = tuple(
    (Patterns(rule.patterns), Patterns(rule.spares)) for rule in _ALL_RULES if not rule.development
)
_ALTERNATIVES = "/etc/alternatives/"
_ANY = Patterns(p for rule in _ALL_RULES for p in rule.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What pruning respects: the recipe's ``keep`` patterns (``**`` crosses directories), the
    packages ``requested`` by name, and paths the recipe runs or writes (``used``). ``only`` are the
    ids of the rules that count; ``None``: all.
    """

    keep: tuple[str, ...] = ()
    requested: Collection[str] = field(default_factory=frozenset)
    used: Collection[str] = field(default_factory=frozenset)
    only: Collection[str] | None = None


def prune(tree: Tree, request: PruneRequest) -> list[Edit]:
    """The edits that take away what the rules name. Applying them twice changes nothing more.

    What the recipe put there itself, what it keeps and what it runs stays, and so does whatever
    a kept symbolic link leads to.
    """
    keep = Patterns(request.keep)
    entries = [entry for entry in tree if entry.kind is not Kind.DIRECTORY]
    doomed, shortcuts = _doomed(tree, entries, keep, request)
    links = _kept_links(tree, entries, doomed)
    for path in _idle_alternatives(tree, links, doomed):
        if not keep.match(path):
            doomed[path] = doomed[links.pop(path)]
    for path in links.values():
        doomed.pop(path, None)
    led_to = frozenset(target for path, target in links.items() if path not in shortcuts)
    while True:
        emptied = _emptied(tree, doomed, keep, used=led_to.union(request.used))
        nowhere = [path for path in shortcuts if path not in doomed and shortcuts[path] in emptied]
        if not nowhere:
            break
        doomed.update((path, _DOCUMENTATION) for path in nowhere)
    return [
        Remove(path, _reason(doomed.get(path)))
        # deepest first, so that every removed path is recorded under its own rule
        for path in sorted({*doomed, *emptied}, key=lambda path: path.split("/"), reverse=True)
    ]


def _reason(rule: PruneRule | None) -> Reason:
    if rule is None:
        return Reason(Origin.RULE, EMPTIED_RULE, "nothing is left in it")
    return Reason(Origin.RULE, rule.id, rule.why)


def _doomed(
    tree: Tree, entries: Iterable[FileEntry], keep: Patterns, request: PruneRequest
) -> tuple[dict[str, PruneRule], dict[str, str]]:
    """Path → the first rule that takes it, and the links between documentation directories."""
    rules = [
        (rule, Patterns(rule.patterns), Patterns(rule.spares))
        for rule in _ALL_RULES
        if (request.only is None or rule.id in request.only)
        and not any(tree.locate(path) is not None for path in rule.unless)
    ]
    doomed: dict[str, PruneRule] = {}
    shortcuts: dict[str, str] = {}
    for entry in entries:
        if not _ANY.match(entry.path) or _is_held(entry, keep, request):
            continue
        for rule, patterns, spares in rules:
            if not patterns.match(entry.path) or spares.match(entry.path):
                continue
            if rule.development and not _unasked_development(entry, request.requested):
                continue
            target = _shortcut(tree, entry)
            if target is not None:
                shortcuts[entry.path] = target
            else:
                doomed[entry.path] = rule
            break
    return doomed, shortcuts


def prunable(path: str) -> bool:
    """Whether some rule may take the merged-/usr ``path`` away, conditions aside: what asks for
    an interpreter there is no evidence that the image needs one.
    """
    return _ANY.match(path) and any(
        patterns.match(path) and not spares.match(path) for patterns, spares in _PRUNABLE
    )


def _is_held(entry: FileEntry, keep: Patterns, request: PruneRequest) -> bool:
    return (
        entry.reason.origin is Origin.RECIPE or entry.path in request.used or keep.match(entry.path)
    )


def _shortcut(tree: Tree, entry: FileEntry) -> str | None:
    """The directory that a link beside other packages' documentation leads to: their copyright
    file is its package's too.
    """
    if entry.kind is not Kind.SYMLINK or posixpath.dirname(entry.path) != "/usr/share/doc":
        return None
    target = tree.locate(entry.path)
    return target.path if target is not None and target.kind is Kind.DIRECTORY else None


def _unasked_development(entry: FileEntry, requested: Collection[str]) -> bool:
    return bool(entry.owners) and all(
        owner.endswith("-dev") and owner not in requested for owner in entry.owners
    )


def _kept_links(
    tree: Tree, entries: Iterable[FileEntry], doomed: Collection[str]
) -> dict[str, str]:
    """Path → what it leads to in the end, of links that no rule takes. What they lead to stays
    with them (a licence text under another name, the directory behind ``/sbin``).
    """
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind is Kind.SYMLINK and entry.path not in doomed:
            target = tree.locate(entry.path)
            if target is not None:
                found[entry.path] = target.path
    return found


def _idle_alternatives(tree: Tree, links: Mapping[str, str], doomed: Collection[str]) -> list[str]:
    """Links of update-alternatives for doomed paths that nothing else reaches through them: a
    manual page goes although its program's alternative stays.
    """
    idle = [path for path in links if path.startswith(_ALTERNATIVES) and links[path] in doomed]
    reached = {tree[path].target for path in links} if idle else set()
    return [path for path in idle if path not in reached]


def _emptied(
    tree: Tree, doomed: Collection[str], keep: Patterns, *, used: Collection[str]
) -> set[str]:
    """Directories that hold nothing but doomed paths; one that was empty before is payload."""
    gone = set(doomed)
    emptied: set[str] = set()
    todo = {posixpath.dirname(path) for path in doomed}
    while todo:
        directory = max(todo, key=lambda path: (path.count("/"), path))
        todo.discard(directory)
        entry = tree.get(directory)
        names = tree.children(directory)
        left = [name for name in names if posixpath.join(directory, name) not in gone]
        if left or directory.count("/") < 2 or entry is None or keep.match(directory):
            continue
        if entry.reason.origin is Origin.RECIPE or directory in used:
            continue
        gone.add(directory)
        emptied.add(directory)
        todo.add(posixpath.dirname(directory))
    return emptied
