"""`neve effects trace`: run maintainer scripts once in the sandbox and write what they did as data.

Wires archives, packages, the tracer and the database file. Nothing of this runs at a build.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.archive import SuiteRequest
from neve.build.facts import gather_facts
from neve.distro import Release, find_distro
from neve.effects.database import EffectsDatabase, dump_effects
from neve.effects.ops import Effect
from neve.errors import UsageError
from neve.formats.deb import IndexPackage, PackageFacts
from neve.model import Digest
from neve.recipe.lock import LockedPackage
from neve.resolve import Chosen, Universe
from neve.sandbox.trace import Tracer
from neve.verbs.atomic import write_atomically
from neve.verbs.context import Workspace
from neve.verbs.locking import locked_package
from neve.verbs.platforms import host_platform
from neve.verbs.resolving import make_universe
from neve.verbs.trace_suite import PackageTrace, SuiteTrace, trace_foreign, trace_suite
from neve.verbs.trace_world import TraceWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """What to trace: the packages with scripts in the closure of ``names`` on one release.

    ``only`` narrows it to some packages of the closure. Scripts that differ on one of
    ``architectures`` are traced over this machine's files: they are shell. ``output`` is the
    database file to bring up to date, ``None`` for the user's own, which is laid over the
    shipped one. ``scratch`` is a directory on a real file system (not itself an overlay) for
    unpacked packages; ``None`` for a temporary one. ``timeout`` in seconds, for one script.
    """

    names: tuple[str, ...]
    release: str
    distribution: str = "debian"
    only: frozenset[str] | None = None
    architectures: tuple[str, ...] = ("amd64", "arm64")
    output: Path | None = None
    scratch: Path | None = None
    jobs: int = 2
    timeout: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceResult:
    """What was traced and what changed in ``output``: ``added`` and ``changed`` packages against
    the database as it was, ``unresolved`` names that the release does not have.
    """

    codename: str
    output: Path
    packages: tuple[PackageTrace, ...]
    without_scripts: int
    unresolved: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def failed(self) -> tuple[PackageTrace, ...]:
        """The packages for which there is no effect, each with its ``failure``."""
        return tuple(package for package in self.packages if package.failure)


def trace_effects(request: TraceRequest, workspace: Workspace) -> TraceResult:
    """Trace, and write the database file. A script that fails changes nothing and is reported.

    Raises ``UsageError`` where no name can be installed, ``ToolError`` where the sandbox cannot
    be set up, and what archives raise.
    """
    release = find_distro(request.distribution, request.release)
    with tempfile.TemporaryDirectory(prefix="neve-trace-") as temporary:
        scratch = request.scratch or Path(temporary)
        native = release.architecture(host_platform())
        others = [name for name in request.architectures if name != native]
        archive = _Archive(request, release, workspace, (native, *others))
        world = archive.world(native, scratch)
        if len(world.unresolved) == len(request.names):
            raise UsageError(
                f"{', '.join(request.names)}: not in {release.title}",
                resolution="Check the names with `apt-cache policy`, or choose another release.",
            )
        tracer = Tracer(scratch / "runs", timeout=request.timeout)
        workspace.progress.stage("tracing maintainer scripts")
        traced = trace_suite(
            world,
            tracer,
            codename=release.codename,
            only=request.only,
            jobs=request.jobs,
            observe=lambda package: workspace.progress.advance(1, package.package),
        )
        packages = list(traced.packages)
        for other in others:
            facts = archive.scripted(other, traced)
            packages += trace_foreign(world, tracer, traced, facts, architecture=other)
    output = request.output or workspace.effects_directory / f"{release.codename}.json"
    before = _read(output, release.codename)
    effects = tuple(effect for package in packages for effect in package.effects)
    after = merge_effects(before, effects)
    write_atomically(output, dump_effects(after, codename=release.codename))
    added, changed = _difference(before, effects)
    return TraceResult(
        codename=release.codename,
        output=output,
        packages=tuple(packages),
        without_scripts=traced.without_scripts,
        unresolved=traced.unresolved,
        added=added,
        changed=changed,
    )


def merge_effects(before: Iterable[Effect], traced: Iterable[Effect]) -> tuple[Effect, ...]:
    """``before`` with the newly traced effects in the place of those for the same scripts."""
    new = tuple(traced)
    again = {(effect.package, effect.key) for effect in new}
    return (*(old for old in before if (old.package, old.key) not in again), *new)


def _difference(
    before: Iterable[Effect], traced: Iterable[Effect]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known: dict[tuple[str, Digest], set[Effect]] = {}
    for effect in before:
        known.setdefault((effect.package, effect.key), set()).add(effect)
    new: dict[tuple[str, Digest], set[Effect]] = {}
    for effect in traced:
        new.setdefault((effect.package, effect.key), set()).add(effect)
    added = sorted({package for package, key in new if (package, key) not in known})
    changed = sorted({p for (p, k), found in new.items() if known.get((p, k), found) != found})
    return tuple(added), tuple(changed)


def _read(output: Path, codename: str) -> tuple[Effect, ...]:
    if not output.exists():
        return ()
    database = EffectsDatabase.parse(output.read_bytes())
    if database.codename != codename:
        raise UsageError(
            f"{output} holds the effects of {database.codename}, not of {codename}",
            resolution="Name another file with --output.",
        )
    return database.effects()


class _Archive:
    """The verified indexes of one release, and the facts of what they list."""

    def __init__(
        self, request: TraceRequest, release: Release, workspace: Workspace, wanted: Sequence[str]
    ) -> None:
        self._request = request
        self._release = release
        self._workspace = workspace
        self._archives = workspace.archives(release)
        suites = [SuiteRequest.of(suite) for suite in release.suites if suite.default]
        self._verified = self._archives.indexes(suites, wanted, progress=workspace.progress)

    def universe(self, architecture: str) -> Universe:
        """Everything of one architecture."""
        store = self._workspace.store
        return make_universe(self._verified, store, architecture, (), release=self._release)

    def facts(
        self, packages: Sequence[IndexPackage], universe: Universe
    ) -> Mapping[Digest, PackageFacts]:
        """Facts by package digest, fetched where the store lacks them."""
        locked = [archive.locked for archive in self._verified]
        rows = [_row(package, universe) for package in packages]
        self._archives.fetch(rows, locked, progress=self._workspace.progress)
        digests = [row.digest for row in rows]
        return gather_facts(self._workspace.store, digests, workers=self._request.jobs)

    def world(self, architecture: str, scratch: Path) -> TraceWorld:
        """The closure of the names asked for, ready to trace."""
        universe = self.universe(architecture)
        return TraceWorld(
            universe,
            self._workspace.store,
            names=self._request.names,
            read_facts=lambda packages: self.facts(packages, universe),
            scratch=scratch,
        )

    def scripted(self, architecture: str, traced: SuiteTrace) -> Mapping[str, PackageFacts]:
        """Packages of another architecture whose scripts may differ from those traced here."""
        universe = self.universe(architecture)
        names = sorted(package.package for package in traced.packages)
        found = {
            name: universe.versions(name)[0].package for name in names if universe.versions(name)
        }
        own = {name: package for name, package in found.items() if package.architecture != "all"}
        facts = self.facts(tuple(own.values()), universe)
        return {name: facts[package.digest] for name, package in own.items()}


def _row(package: IndexPackage, universe: Universe) -> LockedPackage:
    """What fetching needs to know of a package: its file and the archive that lists it."""
    source = next(
        version.source
        for version in universe.versions(package.name)
        if version.package.digest == package.digest
    )
    return locked_package(
        Chosen(
            package=package,
            archive=source.archive,
            index=source.index,
            because=(),
            requested=False,
        )
    )
