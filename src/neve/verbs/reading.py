"""What a resolution read and what else there is to read, told to who misses a package.

Speaks of suites by their names and of components as apt does; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neve.archive import VerifiedArchive
from neve.distro import Release, Suite


def scope_of(archives: Sequence[VerifiedArchive], release: Release) -> tuple[str, ...]:
    """Sentences: the suites with the components that were read, then what was not and how a
    recipe adds it.
    """
    return (*_read(archives, release), *_components(archives, release), *_suites(archives, release))


def unread_suites(archives: Sequence[VerifiedArchive], release: Release) -> dict[str, str]:
    """Names of the distribution's suites that were not read → the role that adds each."""
    return {
        word: suite.role
        for suite in _other_suites(archives, release)
        for word in (suite.role, suite.suite)
    }


def _other_suites(archives: Sequence[VerifiedArchive], release: Release) -> list[Suite]:
    read = {(archive.locked.alias, archive.locked.suite) for archive in archives}
    return [suite for suite in release.suites if (suite.alias, suite.suite) not in read]


def _read(archives: Sequence[VerifiedArchive], release: Release) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for archive in archives:
        groups.setdefault(_chosen(archive), []).append(_name(archive, release))
    shown = (f"{', '.join(names)}: {', '.join(chosen)}" for chosen, names in groups.items())
    if groups:
        yield f"read: {'; '.join(shown)}"


def _components(archives: Sequence[VerifiedArchive], release: Release) -> Iterator[str]:
    """Of each archive the components that its release file names and nobody asked for."""
    groups: dict[tuple[str, ...], list[VerifiedArchive]] = {}
    for archive in archives:
        chosen = _chosen(archive)
        others = tuple(word for word in archive.components if word not in chosen)
        if others:
            groups.setdefault(others, []).append(archive)
    for others, those in groups.items():
        first = those[0]
        where = ", ".join(_name(archive, release) for archive in those)
        name = _role(first, release) or first.locked.alias
        asked = ", ".join((*_chosen(first), others[0]))
        yield (
            f"not read: {', '.join(others)} of {where} (a recipe adds one under repositories: "
            f"`{{name: {name}, components: [{asked}]}}`)"
        )


def _suites(archives: Sequence[VerifiedArchive], release: Release) -> Iterator[str]:
    for suite in _other_suites(archives, release):
        yield f"not read: {suite.suite} (a recipe adds it: `repositories: [{suite.role}]`)"


def _chosen(archive: VerifiedArchive) -> tuple[str, ...]:
    return tuple(dict.fromkeys(index.locked.component for index in archive.indexes))


def _name(archive: VerifiedArchive, release: Release) -> str:
    """The suite's name; with the archive's where it is not the distribution's own."""
    return archive.locked.suite if _role(archive, release) else archive.locked.id


def _role(archive: VerifiedArchive, release: Release) -> str | None:
    place = (archive.locked.alias, archive.locked.suite)
    return next((s.role for s in release.suites if (s.alias, s.suite) == place), None)
