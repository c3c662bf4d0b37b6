"""An image again without one line of its recipe: the same versions, nothing resolved anew.

What of a lock's packages the other lines still need is found by the rule that drops what only
maintainer scripts need. A package that only would have been chosen without the line (another
provider of a name) is not looked for: what is priced is this lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from neve.build.answers import answer_scripts
from neve.build.tree import Assembly, Ingredients, assemble, commands_of
from neve.build.variant_kinds import RUNTIME
from neve.distro import Release, find_distro
from neve.effects.ops import Effect
from neve.effects.prune import prunable
from neve.formats.deb import PackagesIndex
from neve.formats.deb.types import IndexPackage
from neve.model import Digest
from neve.recipe.lock import Lock, LockedPackage, LockedTarget
from neve.recipe.services import supervisor_requests
from neve.recipe.types import PackageRequest, Recipe, Variant
from neve.resolve import Chosen, Solution
from neve.resolve.drop import drop_maintainer_only
from neve.resolve.reach import closure
from neve.verbs.building import Addresses, Contents
from neve.verbs.context import Workspace
from neve.verbs.locking import bytes_reader, effects_database, fetch_facts, requested_names
from neve.verbs.resolving import IDENTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """An image made of some of a lock's packages."""

    packages: tuple[LockedPackage, ...]
    assembly: Assembly

    @property
    def digests(self) -> frozenset[Digest]:
        """Which packages are in it."""
        return frozenset(package.digest for package in self.packages)


class Kitchen:
    """All that images of one lock's runtime target are made of, read once."""

    def __init__(
        self,
        lock: Lock,
        target: LockedTarget,
        workspace: Workspace,
        *,
        contents: Contents,
        addresses: Addresses,
    ) -> None:
        self.lock = lock
        self.target = target
        self.packages = tuple(lock.packages[index] for index in target.packages)
        self._workspace = workspace
        self._contents = contents
        release = self.release
        source = workspace.archives(release, addresses() if lock.recipe.repositories else {})
        self._facts = fetch_facts(workspace, source, self.packages, lock.archives)
        self._effects = self._answers()

    @cached_property
    def release(self) -> Release:
        """The distribution's release of the lock."""
        return find_distro(self.lock.recipe.base.name, self.lock.recipe.base.release)

    @property
    def architecture(self) -> str:
        """The distribution's name for the target's architecture."""
        return self.release.architecture(self.target.platform)

    def image(self, recipe: Recipe) -> Portion:
        """The image of ``recipe``, which asks for no more than the lock's own recipe does.

        Raises what effects and the recipe's wishes raise: then a line cannot be left out.
        """
        kept = self.needed(self.roots(recipe), commands_of(recipe))
        packages = tuple(
            replace(package, because=kept[package.digest])
            for package in self.packages
            if package.digest in kept
        )
        assembly = assemble(
            Ingredients(
                recipe=recipe,
                variant=Variant(name=RUNTIME),
                release=self.release,
                architecture=self.architecture,
                packages=[(self._facts[p.digest], self._effects[p.digest]) for p in packages],
                because={package.name: package.because for package in packages},
                requested=requested_names(packages),
                contents=self._files,
                time=self.lock.time,
                read=bytes_reader(self._workspace),
            )
        )
        return Portion(packages=packages, assembly=assembly)

    def roots(self, recipe: Recipe) -> frozenset[Digest]:
        """The packages that the lines of ``recipe`` name, and that every image has."""
        asked = [*recipe.packages, IDENTITY, *(one for one, _ in supervisor_requests(recipe))]
        return frozenset(digest for one in asked for digest in self.answering(one))

    def answering(self, request: PackageRequest) -> tuple[Digest, ...]:
        """The locked package that answers ``request``: of its name, or that provides it."""
        native = (self.architecture, "all")
        wanted = native if request.architecture is None else (request.architecture, "all")
        there = [p for p in self.packages if p.architecture in wanted]
        named = [p.digest for p in there if p.name == request.name]
        if named:
            return tuple(named)
        provided = (
            p.digest
            for p in there
            if any(one.name == request.name for one in self._index[p.digest].provides)
        )
        return tuple(provided)

    def needed(
        self, roots: Iterable[Digest], commands: Iterable[str]
    ) -> Mapping[Digest, tuple[str, ...]]:
        """What an image that asks for ``roots`` and runs ``commands`` needs, each with why.

        As when a recipe is locked: first all that is depended on, then without what only
        maintainer scripts need.
        """
        wanted = set(roots)
        members = [self._index[package.digest] for package in self.packages]
        starts = [i for i, package in enumerate(self.packages) if package.digest in wanted]
        reached = [self.packages[i] for i in sorted(closure(members, starts))]
        solution = Solution(
            packages=tuple(self._chosen(p, requested=p.digest in wanted) for p in reached)
        )
        reduced = drop_maintainer_only(solution, self._facts, pruned=prunable, used=commands)
        return {chosen.package.digest: chosen.because for chosen in reduced.kept}

    def _chosen(self, package: LockedPackage, *, requested: bool) -> Chosen:
        return Chosen(
            package=self._index[package.digest],
            archive=package.archive,
            index=package.index,
            because=package.because,
            requested=requested,
        )

    @cached_property
    def _files(self) -> Mapping[Digest, bytes]:
        return self._contents() if any(file.digest for file in self.lock.recipe.files) else {}

    @cached_property
    def _index(self) -> Mapping[Digest, IndexPackage]:
        """The packages as an index has them: their relations stand in their own control files."""
        found = {}
        for package in self.packages:
            fields = dict(self._facts[package.digest].control) | {
                "Filename": package.path,
                "Size": str(package.size),
                "SHA256": package.digest.value,
            }
            stanza = "".join(f"{name}: {value}\n" for name, value in fields.items())
            (found[package.digest],) = PackagesIndex.parse(stanza.encode()).get(package.name)
        return found

    def _answers(self) -> Mapping[Digest, Effect | None]:
        facts = [self._facts[package.digest] for package in self.packages]
        answers = answer_scripts(
            facts,
            database=effects_database(self._workspace, self.release),
            architecture=self.architecture,
            acknowledged=self.lock.recipe.acknowledged,
            today=None,
            tools=self.target.tools,
        )
        return {one.digest: effect for one, effect in answers.packages}
