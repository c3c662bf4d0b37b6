"""Hardening: the defaults of every image, each a rule with an id, loosened only by name.

Pure: a tree and its surroundings in; edits, checks and refusals out. A rule is a row of
``HARDEN_RULES``; they run in order, each on the tree the rules before it left. Hardening a
hardened tree changes nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neve.effects.harden_model import HardenContext, HardenRule, Outcome, Refusal, denied
from neve.effects.harden_modes import (
    no_secrets,
    no_setuid,
    no_world_writable,
    non_root,
    writable_paths,
)
from neve.effects.harden_programs import no_package_manager, no_shell, script_without_interpreter
from neve.formats.deb.types import PackageFacts
from neve.model import Check
from neve.tree import Edit, Tree

HARDEN_RULES: tuple[HardenRule, ...] = (
    HardenRule(
        id="no-package-manager",
        title="no program of an operating system's package manager",
        apply=no_package_manager,
    ),
    HardenRule(id="no-shell", title="no shell", apply=no_shell),
    HardenRule(
        id="script-without-interpreter",
        title="no script whose interpreter is not in the image",
        apply=script_without_interpreter,
    ),
    HardenRule(
        id="no-secrets",
        title="no secret made at installation, no private key",
        apply=no_secrets,
    ),
    HardenRule(
        id="no-setuid",
        title="no setuid or setgid bit, no file capability",
        apply=no_setuid,
    ),
    HardenRule(
        id="no-world-writable",
        title="nothing that others, or groups without need, can write",
        apply=no_world_writable,
    ),
    HardenRule(
        id="writable-paths",
        title="the recipe's writable paths belong to the run-as user",
        apply=writable_paths,
    ),
    HardenRule(id="non-root", title="the image does not run as root", apply=non_root),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardened:
    """What hardening wants: ``edits`` in the order to apply, ``checks`` for the record, and
    ``refusals`` that stop the lock.
    """

    edits: tuple[Edit, ...]
    checks: tuple[Check, ...]
    refusals: tuple[Refusal, ...]

    def require(self, *, variant: str | None = None) -> None:
        """Raise one ``DeniedError`` naming every refusal, if there is any.

        ``variant`` is the one that was judged: what settles it belongs under its name.
        """
        if self.refusals:
            raise denied(list(self.refusals), variant=variant)


def harden(tree: Tree, context: HardenContext) -> Hardened:
    """Judge ``tree`` by every rule. ``tree`` itself is left as it is."""
    work = Tree(tree)
    outcomes: list[Outcome] = []
    for rule in HARDEN_RULES:
        outcome = rule.apply(work, context)
        work.apply_all(outcome.edits)
        outcomes.append(outcome)
    return Hardened(
        edits=tuple(edit for outcome in outcomes for edit in outcome.edits),
        checks=tuple(check for outcome in outcomes for check in outcome.checks),
        refusals=tuple(refusal for outcome in outcomes for refusal in outcome.refusals),
    )


def scripts_by_path(tree: Tree, facts: Iterable[PackageFacts]) -> Mapping[str, tuple[str, ...]]:
    """The shebangs of the packages' files under the paths they have in ``tree`` (merged-/usr,
    diversions left out: a path that another package won is not listed for the loser).
    """
    found: dict[str, tuple[str, ...]] = {}
    for package in facts:
        name = dict(package.control).get("Package", "")
        for path, words in package.interpreters:
            directory, base = posixpath.split(path)
            place = posixpath.join(tree.resolve(directory), base)
            entry = tree.get(place)
            if entry is not None and (not entry.owners or name in entry.owners):
                found[place] = words
    return found


__all__ = [
    "HARDEN_RULES",
    "HardenContext",
    "Hardened",
    "Refusal",
    "harden",
    "scripts_by_path",
]
