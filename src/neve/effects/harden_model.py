"""What the hardening rules share: their surroundings, their outcome, how a loosening applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase

from neve.errors import DeniedError
from neve.model import Check, Fail, Origin, Pass, Reason, Waived, Waiver
from neve.recipe.types import Loosening, Run
from neve.tree import Edit, FileEntry, Tree

NEVER = date(9999, 12, 31)
"""A loosening in a recipe has no expiry: the recipe itself is what gets reviewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardenContext:
    """What hardening needs beside the tree.

    ``scripts`` maps a path of the tree to its shebang's words (``facts_by_path`` makes it);
    ``uid`` and ``gids`` are those the image runs as, ``gids`` primary first; ``because`` leads
    from a package's name to the chain of its request; ``requested`` are packages asked for by
    name; ``loosened`` those of the recipe and of the variant; ``read`` gives a file's bytes,
    ``None`` where content must not be looked at.
    """

    run: Run
    uid: int
    gids: tuple[int, ...]
    scripts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requested: frozenset[str] = frozenset()
    keep: tuple[str, ...] = ()
    loosened: tuple[Loosening, ...] = ()
    owner: str = "recipe"
    read: Callable[[FileEntry], bytes] | None = None

    def loosening(self, rule: str, *subjects: str) -> Loosening | None:
        """The loosening of ``rule`` that covers one of ``subjects`` (paths, packages), if any."""
        for loosening in self.loosened:
            if loosening.rule == rule and (
                loosening.subject is None
                or any(fnmatchcase(subject, loosening.subject) for subject in subjects)
            ):
                return loosening
        return None

    def waived(self, loosening: Loosening, failure: Fail) -> Waived:
        """``failure`` as the recipe answers for it."""
        return Waived(
            Waiver(
                rule=loosening.rule,
                subject=loosening.subject or "*",
                reason=loosening.reason,
                owner=self.owner,
                expires=NEVER,
            ),
            failure,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a rule would break: it stops the lock until the recipe says which it wants.

    ``chain`` leads from the file to the request; ``paste`` are lines of YAML that settle it.
    """

    rule: str
    subject: str
    brief: str
    chain: tuple[str, ...]
    paste: tuple[str, ...]

    @property
    def resolution(self) -> str:
        """The next step, with the lines to paste."""
        return "If the image really needs it, add to the recipe:\n" + "\n".join(self.paste)

    def error(self) -> DeniedError:
        """This refusal alone as an error."""
        return denied([self])


def denied(refusals: list[Refusal], *, variant: str | None = None) -> DeniedError:
    """Several refusals as one error; ``refusals`` must not be empty. The lines to paste stand
    under ``variants:`` where a variant was judged, so that they loosen nothing else.
    """
    first = refusals[0]
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    others = [line for other in refusals[1:] for line in (other.brief, *other.chain)]
    details = [*first.chain, *others]
    paste = _merged([line for refusal in refusals for line in refusal.paste])
    if variant is not None:
        paste = ["variants:", f"  {variant}:", *(f"    {line}" for line in paste)]
    return DeniedError(
        f"{first.rule}: {first.brief}{more}",
        details=tuple(details),
        resolution="If the image really needs it, add to the recipe:\n" + "\n".join(paste),
        docs="reference/rules.md",
    )


def _merged(lines: list[str]) -> list[str]:
    """Pasteable YAML: the items of equal top-level keys under one key, none twice."""
    sections: dict[str, list[list[str]]] = {}
    section: list[list[str]] = []
    for line in lines:
        if not line.startswith(" "):
            section = sections.setdefault(line, [])
        elif line.startswith("  - "):
            section.append([line])
        else:
            section[-1].append(line)
    merged: list[str] = []
    for head, items in sections.items():
        merged.append(head)
        for i, item in enumerate(items):
            if item not in items[:i]:
                merged += item
    return merged


def loosened_lines(rule: str, subject: str | None = None) -> tuple[str, ...]:
    """The YAML that loosens ``rule`` for ``subject``; its reason is for a person to write."""
    narrowed = () if subject is None else (f"    subject: {subject}",)
    return (
        "loosened:",
        f"  - rule: {rule}",
        *narrowed,
        "    reason: <why this image needs it>",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one rule wants done, and what it judged."""

    edits: tuple[Edit, ...] = ()
    checks: tuple[Check, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HardenRule:
    """One rule: an id, what it makes sure of, and the function that does."""

    id: str
    title: str
    apply: Callable[[Tree, HardenContext], Outcome]


def passed(rule: str, evidence: str) -> Check:
    """The rule held for the whole image."""
    return Check(rule=rule, subject="image", verdict=Pass(evidence))


def by_rule(rule: str, detail: str) -> Reason:
    """The reason an edit of ``rule`` carries."""
    return Reason(Origin.RULE, rule, detail)
