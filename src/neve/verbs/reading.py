"""Which suites a recipe reads; and what was not read, told to who misses a package.

Speaks of suites by their names and of components as apt does; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neve.archive import SuiteRequest, VerifiedArchive
from neve.distro import Release, Suite
from neve.errors import UsageError
from neve.recipe.types import ReadRecipe, Repository
from neve.verbs.pointing import at_place

_FOREIGN_COMPONENTS = ("main",)


def suite_requests(read: ReadRecipe, release: Release) -> list[SuiteRequest]:
    """The suites a lock reads: the distribution's default ones, then the recipe's repositories.

    A repository called as a suite's role (``main``, ``security``) is that suite: with other
    components, or with the keyring of an organisation that signs its own mirror.
    """
    snapshot = read.recipe.snapshot
    asked = {repository.name: repository for repository in read.recipe.repositories}
    found = []
    for suite in release.suites:
        repository = asked.pop(suite.role, None)
        if repository is not None:
            found.append(_own_suite_request(read, suite, repository))
        elif suite.default:
            found.append(SuiteRequest.of(suite, snapshot=snapshot))
    for repository in read.recipe.repositories:
        if repository.name in asked:
            found.append(_repository_request(read, release, repository))
    return found


def _own_suite_request(read: ReadRecipe, suite: Suite, repository: Repository) -> SuiteRequest:
    at = f"repositories[{read.recipe.repositories.index(repository)}]"
    if repository.suite not in (suite.role, suite.suite):
        error = UsageError(
            f"{repository.name} is the distribution's own suite {suite.suite}, "
            f"not {repository.suite}",
            resolution=f"Write `suite: {suite.suite}`, or give the repository another name.",
        )
        raise at_place(read, (f"{at}.suite", at), error)
    if repository.url is not None:
        error = UsageError(
            f"{repository.name} is the distribution's own suite: recipes hold no address of it",
            resolution=f"Name the mirror under [mirrors] in neve.toml: {suite.alias} = "
            f'["{repository.url}"], or give the repository another name.',
        )
        raise at_place(read, (f"{at}.url", at), error)
    keyring = repository.keyring
    return SuiteRequest.of(
        suite,
        components=repository.components,
        snapshot=read.recipe.snapshot,
        keyring=None if keyring is None else read.contents[keyring],
    )


def _repository_request(read: ReadRecipe, release: Release, repository: Repository) -> SuiteRequest:
    at = f"repositories[{read.recipe.repositories.index(repository)}]"
    if repository.keyring is None:
        roles = ", ".join(suite.role for suite in release.suites)
        error = UsageError(
            f"{repository.name} is no suite of {release.title} ({roles}) and has no keyring",
            resolution="Correct the name, or put the archive's public key beside the recipe and "
            "name it as `keyring:`.",
        )
        raise at_place(read, (f"{at}.name", at), error)
    if repository.name in {suite.alias for suite in release.suites}:
        error = UsageError(
            f"{repository.name} is the name of the distribution's own archive",
            resolution="Give the repository another name: locks tell archives apart by it.",
        )
        raise at_place(read, (f"{at}.name", at), error)
    return SuiteRequest(
        alias=repository.name,
        suite=repository.suite,
        components=repository.components or _FOREIGN_COMPONENTS,
        keyring=read.contents[repository.keyring],
        partial=True,
    )


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
