"""The packages of one suite and architecture as the tracer needs them: closures, layers, paths.

Owns what is unpacked where under the tracer's scratch directory and which packages stand around
a traced one. Runs no script itself.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from neve.effects.database import merged
from neve.effects.script import has_scripts, trigger_interests
from neve.effects.trace import Surrounding
from neve.errors import UsageError
from neve.formats.deb import IndexPackage, PackageFacts, field
from neve.formats.deb.status import status_paragraph
from neve.model import Digest
from neve.recipe.types import PackageRequest
from neve.resolve import Explanation, Request, Universe, resolve
from neve.sandbox.trace import Tracer, TraceRoot
from neve.sandbox.trace_layers import (
    hosts_layer,
    scripts_layer,
    skeleton_layer,
    unpack_layer,
    write_status,
)
from neve.sandbox.trace_record import PackageLayer
from neve.store import Store

TOOLS = frozenset(("adduser", "debconf", "perl", "ucf", "install-info", "dpkg", "apt"))
"""Packages that scripts call and images drop: their absence is no question of a script."""

_SCRIPTS = frozenset(("preinst", "postinst", "config"))
FactsReader = Callable[[Sequence[IndexPackage]], Mapping[Digest, PackageFacts]]


class TraceWorld:
    """The closure of some names, with Essential packages, at the versions of one universe.

    ``read_facts`` fetches what is missing and reads packages; it may be slow. Safe for use by
    several threads once made.
    """

    def __init__(
        self,
        universe: Universe,
        store: Store,
        *,
        names: Iterable[str],
        read_facts: FactsReader,
        scratch: Path,
    ) -> None:
        self.architecture = universe.architecture
        self._universe = universe
        self._store = store
        self._layers_directory = scratch / "layers"
        self._base_directory = scratch / f"base-{universe.architecture}"
        self._lock = threading.Lock()
        self._closures: dict[tuple[str, ...], tuple[IndexPackage, ...] | None] = {}
        self._layers: dict[str, PackageLayer] = {}
        essential = sorted(
            name
            for name in universe.names()
            if any(v.package.essential for v in universe.versions(name)[:1])
        )
        self.essential = self._solve(tuple(essential)) or ()
        self.required = _required(universe)
        union: dict[str, IndexPackage] = {p.name: p for p in self.essential}
        union |= {p.name: p for p in self._solve(self.required) or ()}
        unresolved = []
        for name in names:
            solved = self._solve((name,))
            if solved is None:
                unresolved.append(name)
            for package in solved or ():
                union.setdefault(package.name, package)
        self.unresolved = tuple(unresolved)
        facts = read_facts(tuple(union[name] for name in sorted(union)))
        self._packages = union
        self._facts = {name: facts[package.digest] for name, package in union.items()}
        self._elsewhere = self._paths(sorted(union))
        self._essential_names = frozenset(p.name for p in self.essential)

    @property
    def names(self) -> tuple[str, ...]:
        """Every package of the world, sorted."""
        return tuple(sorted(self._facts))

    def facts(self, name: str) -> PackageFacts:
        """The facts of one package of the world."""
        return self._facts[name]

    def closure(self, *names: str) -> tuple[str, ...]:
        """The packages that installing ``names`` brings, in configuration order."""
        solved = self._solve(names)
        if solved is None:
            raise UsageError(
                f"{' and '.join(names)} can't be installed together",
                resolution="Trace them one at a time.",
            )
        return tuple(package.name for package in solved)

    def prepare_base(self, tracer: Tracer) -> tuple[str, ...]:
        """Unpack and configure the Essential packages once; gives a line for each failure."""
        if (self._base_directory / "upper").exists():
            return ()
        names = [p.name for p in self.essential]
        shutil.rmtree(self._base_directory, ignore_errors=True)
        layers = [self.layer(name) for name in names]
        status = self._base_directory / "status"
        write_status(status, layers)
        root = TraceRoot(
            lowers=(status, *self._essential_lowers()),
            packages=tuple(layers),
            configured=tuple(self.layer(name) for name in _accounts_first(names)),
            architecture=self.architecture,
        )
        return tracer.configure(root, self._base_directory / "upper")

    def root(self, name: str, *, extra: tuple[str, ...], idle: frozenset[str]) -> TraceRoot:
        """What the scripts of ``name`` find: Essential, its closure, and ``extra`` packages
        unpacked. Packages in ``idle`` are known to do nothing and are not configured.
        """
        around = [n for n in self.closure(name, *extra) if n != name]
        own = set(self.closure(name))
        names = [n for n in around if n not in self._essential_names]
        is_essential = name in self._essential_names
        if is_essential:
            before = [n for n in self._essential_order() if n != name]
            configured = [n for n in before if n in ("base-passwd", "base-files")]
            configured = [] if name == "base-passwd" else configured
            lowers = [*self._lowers(names), *self._essential_lowers()]
        else:
            configured = [n for n in names if n in own and n not in idle]
            lowers = [
                *self._lowers(names),
                self._base_directory / "upper",
                *self._essential_lowers(),
            ]
        everything = sorted({*names, *self._essential_names} - {name})
        return TraceRoot(
            lowers=tuple(lowers),
            packages=tuple(self.layer(n) for n in everything),
            configured=tuple(self.layer(n) for n in configured if has_scripts(self._facts[n])),
            architecture=self.architecture,
            bootstrapping=is_essential,
        )

    def named(self, root: TraceRoot) -> TraceRoot:
        """``root`` on a machine whose own name resolves."""
        layer = self._layers_directory / "hosts"
        hosts_layer(layer)
        return replace(root, lowers=(layer, *root.lowers))

    def layer(self, name: str) -> PackageLayer:
        """The unpacked layer of one package, unpacked when first asked for."""
        with self._lock:
            found = self._layers.get(name)
            if found is None:
                found = self._layers[name] = self._unpack(self._facts_of(name))
            return found

    def foreign_layer(self, name: str, facts: PackageFacts, architecture: str) -> PackageLayer:
        """The layer of ``name`` with the scripts that the package has on ``architecture``.

        Scripts are shell: they run here over this architecture's files.
        """
        own = self.layer(name)
        directory = self._layers_directory / f"{name}-{facts.digest.value[:16]}-{architecture}"
        scripts = dict(facts.scripts)
        scripts_layer(directory, info_name=own.info_name, scripts=scripts)
        return replace(
            own,
            scripts_of=directory,
            scripts=frozenset(scripts) & _SCRIPTS,
            triggers=trigger_interests(facts),
        )

    def surrounding(self, name: str, *, extra: tuple[str, ...]) -> Surrounding:
        """The paths around one package, for reading conditions."""
        around = {*self.closure(name, *extra), *self._essential_names} - {name}
        around &= self._facts.keys()
        packaged = self._paths(sorted(around))
        own = frozenset(merged(entry.path) for entry in self._facts[name].entries)

        def digest(path: str) -> Digest | None:
            owner = name if path in own else packaged.get(path)
            for entry in self._facts_of(owner).entries if owner is not None else ():
                if merged(entry.path) == path and entry.content is not None:
                    return entry.content.digest
            return None

        return Surrounding(
            own=own,
            packaged=packaged,
            elsewhere=self._elsewhere,
            given=self._essential_names | TOOLS | self._strict(name),
            digest=digest,
        )

    def contents(self, name: str) -> Mapping[Digest, str]:
        """Digest → packaged path of what a script of ``name`` could copy, its own files first."""
        found: dict[Digest, str] = {}
        for owner in (name, *sorted(self._strict(name) - {name})):
            if owner not in self._facts:
                continue
            for entry in sorted(self._facts[owner].entries, key=lambda e: (len(e.path), e.path)):
                if entry.content is not None and entry.content.size:
                    found.setdefault(entry.content.digest, merged(entry.path))
        return found

    def _facts_of(self, name: str) -> PackageFacts:
        return self._facts[name]

    def _solve(self, names: tuple[str, ...]) -> tuple[IndexPackage, ...] | None:
        if names not in self._closures:
            request = Request(requests=tuple(PackageRequest(name=name) for name in names))
            answer = resolve(request, self._universe)
            if isinstance(answer, Explanation):
                self._closures[names] = None
            else:
                self._closures[names] = tuple(chosen.package for chosen in answer.packages)
        return self._closures[names]

    def _strict(self, name: str) -> frozenset[str]:
        """What depends on nothing but ``name`` being there: single-alternative dependencies."""
        found: set[str] = set()
        todo = [name]
        while todo:
            here = todo.pop()
            if here in found or here not in self._packages:
                continue
            found.add(here)
            package = self._packages[here]
            for clause in (*package.pre_depends, *package.depends):
                if len(clause) == 1:
                    todo.append(clause[0].name)
        return frozenset(found)

    def _paths(self, names: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in names:
            for entry in self._facts[name].entries:
                found.setdefault(merged(entry.path), name)
        return found

    def _essential_order(self) -> list[str]:
        return _accounts_first([package.name for package in self.essential])

    def _essential_lowers(self) -> list[Path]:
        skeleton = self._layers_directory / "skeleton"
        skeleton_layer(skeleton)
        return [*self._lowers([p.name for p in self.essential]), skeleton]

    def _lowers(self, names: Sequence[str]) -> list[Path]:
        return [self.layer(name).directory for name in reversed(names)]

    def _unpack(self, facts: PackageFacts) -> PackageLayer:
        name = field(facts.control, "Package") or ""
        architecture = field(facts.control, "Architecture") or ""
        same = (field(facts.control, "Multi-Arch") or "") == "same"
        info_name = f"{name}:{architecture}" if same else name
        directory = self._layers_directory / f"{name}-{facts.digest.value[:16]}"
        scripts = dict(facts.scripts)
        if facts.conffiles:
            scripts["conffiles"] = "".join(f"{path}\n" for path in facts.conffiles).encode()
        if facts.md5sums is not None:
            scripts["md5sums"] = facts.md5sums
        if not directory.exists():
            unpack_layer(
                self._store.path(facts.data),
                directory,
                info_name=info_name,
                scripts=scripts,
                files=[entry.path for entry in facts.entries if entry.path != "/"],
            )
        lines = status_paragraph(facts).split(b"\n")
        status = b"\n".join(line for line in lines if not line.startswith(b"Status:"))
        return PackageLayer(
            name=name,
            version=field(facts.control, "Version") or "",
            architecture=architecture,
            directory=directory,
            info_name=info_name,
            scripts=frozenset(scripts) & _SCRIPTS,
            triggers=trigger_interests(facts),
            status=status,
        )


def _required(universe: Universe) -> tuple[str, ...]:
    """What every installation by an installer has: some scripts rely on it without a word."""
    return tuple(
        name
        for name in sorted(universe.names())
        for version in universe.versions(name)[:1]
        if version.package.priority == "required"
    )


def _accounts_first(names: Sequence[str]) -> list[str]:
    """Dpkg's bootstrap order: accounts, then the base files, then the rest."""
    first = [name for name in ("base-passwd", "base-files") if name in names]
    return [*first, *(name for name in names if name not in first)]
