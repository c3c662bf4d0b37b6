"""What a recipe says that came to nothing in the image: shown, since silence would look like yes.

None of it stops a build: a program may come from a volume or a later layer, a pattern may hold
for another platform only. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from neve.effects.prune_patterns import Patterns
from neve.model import Check, Origin, Skipped, Waived
from neve.recipe.types import Loosening, Run
from neve.tree import Tree

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unmet_wishes(
    tree: Tree,
    run: Run,
    *,
    keep: Sequence[str],
    loosened: Sequence[Loosening],
    judged: Iterable[Check],
) -> tuple[Check, ...]:
    """One skipped check for each program that is not there, and each ``keep`` or ``loosened``
    that changed nothing. ``judged`` are the hardening checks.
    """
    return (
        *_programs(tree, run),
        *_kept(tree, keep),
        *_loosenings(loosened, judged),
    )


def _programs(tree: Tree, run: Run) -> Iterator[Check]:
    check = run.health_check
    wanted = {
        "run.entrypoint": run.entrypoint[:1],
        "run.command": () if run.entrypoint else run.command[:1],
        "run.health_check": check.command[:1] if check is not None else (),
    }
    for key, words in wanted.items():
        for word in words:
            if not any(tree.locate(path) is not None for path in _candidates(word, run)):
                why = f"{word} is not in the image: a volume or a later layer has to bring it"
                yield Check(rule="program-missing", subject=key, verdict=Skipped(why))


def _candidates(word: str, run: Run) -> list[str]:
    if word.startswith("/"):
        return [word]
    if "/" in word:
        return [f"{run.workdir or ''}/{word}"]
    search = dict(run.environment).get("PATH", _DEFAULT_PATH)
    return [f"{folder}/{word}" for folder in search.split(":") if folder.startswith("/")]


def _kept(tree: Tree, keep: Sequence[str]) -> Iterator[Check]:
    for position, pattern in enumerate(keep):
        patterns = Patterns((pattern,))
        if not any(patterns.match(e.path) for e in tree if e.reason.origin is not Origin.RULE):
            why = f"{pattern} matches nothing in the image"
            yield Check(rule="keep-unused", subject=f"keep[{position}]", verdict=Skipped(why))


def _loosenings(loosened: Sequence[Loosening], judged: Iterable[Check]) -> Iterator[Check]:
    used = {
        (check.verdict.waiver.rule, check.verdict.waiver.subject)
        for check in judged
        if isinstance(check.verdict, Waived)
    }
    for position, loosening in enumerate(loosened):
        if (loosening.rule, loosening.subject or "*") not in used:
            why = f"{loosening.rule} had nothing to loosen for {loosening.subject or 'the image'}"
            subject = f"loosened[{position}]"
            yield Check(rule="loosening-unused", subject=subject, verdict=Skipped(why))
