"""``update-alternatives`` in automatic mode, computed from what the finished tree holds.

Owns ``/etc/alternatives`` and the links that lead there. A choice counts only while its path is
in the tree, so the same registry is settled again after pruning. dpkg's own administration of
alternatives is package-manager state and no content of an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from neve.effects.bench import Workbench, effect_reason
from neve.effects.ops import Alternative
from neve.tree import FileEntry, Kind

ALTERNATIVES = "/etc/alternatives"
_MAX_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One registered alternative, parameters filled in, and the package that registered it."""

    package: str
    alternative: Alternative


class AlternativesRegistry:
    """Every alternative registered so far, in order of registration."""

    def __init__(self) -> None:
        self._choices: dict[str, dict[str, Choice]] = {}
        self._made: dict[str, str] = {}

    def add(self, package: str, alternative: Alternative) -> None:
        """Register a choice; one of the same name and path is replaced, as dpkg does."""
        choices = self._choices.setdefault(alternative.name, {})
        choices[alternative.path] = Choice(package=package, alternative=alternative)

    def settle(self, bench: Workbench) -> None:
        """Make the links of the best choices, and remove links made for choices now gone.

        Repeated while it changes something: a choice may lead through another alternative.
        """
        for _ in range(_MAX_ROUNDS):
            before = len(bench.edits)
            self._settle_once(bench)
            if len(bench.edits) == before:
                return

    def administration(self, bench: Workbench) -> Iterator[tuple[str, bytes]]:
        """Name and content of dpkg's administrative file of each alternative whose choice is in
        the tree (update-alternatives, ``altdb_print``).
        """
        for name in sorted(self._choices):
            present = [
                choice.alternative
                for choice in self._choices[name].values()
                if bench.tree.locate(choice.alternative.path) is not None
            ]
            if present:
                yield name, _administrative_file(present)

    def _settle_once(self, bench: Workbench) -> None:
        wanted: dict[str, tuple[str, str]] = {}
        for name in sorted(self._choices):
            best = self._best(bench, self._choices[name].values())
            if best is not None:
                wanted.update(self._links(bench, best))
        packages = self._packages()
        for path in sorted(set(self._made) - set(wanted)):
            entry = bench.tree.get(bench.place(path))
            if (
                entry is not None
                and entry.kind is Kind.SYMLINK
                and entry.target == self._made[path]
            ):
                bench.remove(path, effect_reason(packages[path], "alternative without a choice"))
            del self._made[path]
        for path, (target, package) in wanted.items():
            if self._free(bench, path):
                bench.link(path, target, effect_reason(package, f"alternative {path} → {target}"))
                self._made[path] = target

    def _best(self, bench: Workbench, choices: Iterable[Choice]) -> Choice | None:
        """The highest priority whose path exists; of equals the one registered first."""
        best: Choice | None = None
        for choice in choices:
            if bench.tree.locate(choice.alternative.path) is None:
                continue
            if best is None or choice.alternative.priority > best.alternative.priority:
                best = choice
        return best

    def _links(self, bench: Workbench, choice: Choice) -> dict[str, tuple[str, str]]:
        """Path → (target, package) of a choice's master link and of its existing slaves."""
        chosen = choice.alternative
        links = [(chosen.link, chosen.name, chosen.path), *chosen.slaves]
        found: dict[str, tuple[str, str]] = {}
        for link, name, path in links:
            if bench.tree.locate(path) is None:
                continue
            found[f"{ALTERNATIVES}/{name}"] = (path, choice.package)
            found[link] = (f"{ALTERNATIVES}/{name}", choice.package)
        return found

    def _free(self, bench: Workbench, path: str) -> bool:
        """Whether a link may be made at ``path``: a real file there is never replaced."""
        entry: FileEntry | None = bench.tree.get(bench.place(path))
        return entry is None or entry.kind is Kind.SYMLINK

    def _packages(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for choices in self._choices.values():
            for choice in choices.values():
                alternative = choice.alternative
                for link, name, _ in [
                    (alternative.link, alternative.name, ""),
                    *alternative.slaves,
                ]:
                    found[link] = found[f"{ALTERNATIVES}/{name}"] = choice.package
        return found


def _administrative_file(choices: Sequence[Alternative]) -> bytes:
    """Mode and link, the slaves' names and links, then each choice with its slaves' files."""
    slaves = dict(sorted({name: link for one in choices for link, name, _ in one.slaves}.items()))
    lines = ["auto", choices[0].link]
    for name, link in slaves.items():
        lines += [name, link]
    lines.append("")
    for one in sorted(choices, key=lambda choice: choice.path):
        files = {name: path for _, name, path in one.slaves}
        lines += [one.path, str(one.priority), *(files.get(name, "") for name in slaves)]
    return "".join(f"{line}\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape")
