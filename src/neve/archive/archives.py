"""The archives as neve sees them: keyring → release file → index → package, every link checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event
from typing import TypeVar

from neve.archive.indexes import WantedIndex, get_index, wanted_indexes
from neve.archive.mirrors import Mirrors
from neve.archive.packages import StoppedError, get_package
from neve.archive.suites import Suite, read_suite
from neve.archive.types import (
    Progress,
    Silent,
    SuiteRequest,
    VerifiedArchive,
    VerifiedIndex,
)
from neve.errors import UsageError
from neve.model import Digest
from neve.net import Client
from neve.recipe.lock import LockedArchive, LockedPackage
from neve.store import Store

_CONNECTIONS = 6
"""More than eight at once once stalled a mirror for seconds."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Archives:
    """Reads suites and fetches packages. ``clock`` is now, in seconds since the epoch.

    ``max_age``: how many seconds a confirmed release file is believed without asking again.
    With an offline client only what the store holds is used.
    """

    def __init__(
        self,
        *,
        store: Store,
        client: Client,
        mirrors: Mirrors,
        clock: int,
        max_age: int = 0,
    ) -> None:
        self._store = store
        self._client = client
        self._mirrors = mirrors
        self._clock = clock
        self._max_age = max_age

    def indexes(
        self,
        requests: Sequence[SuiteRequest],
        architectures: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> tuple[VerifiedArchive, ...]:
        """The verified indexes of each suite for ``architectures``, in the order asked for.

        `BrokenLinkError` names the link that did not hold, `NetworkError` what did not answer,
        `UsageError` a component or architecture that does not exist.
        """
        told = progress or Silent()
        told.stage("indexes")
        if len({request.id for request in requests}) != len(requests):
            raise UsageError(
                "the same suite of the same archive was asked for twice",
                resolution="ask once, with all components",
            )
        suites = _parallel(requests, lambda request: self._suite(request, architectures))
        wanted = [index for suite in suites for index in wanted_indexes(suite, architectures)]
        got = _parallel(wanted, lambda index: self._index(index, told))
        return tuple(
            _verified(suite, [g for w, g in zip(wanted, got, strict=True) if w.suite is suite])
            for suite in suites
        )

    def fetch(
        self,
        packages: Sequence[LockedPackage],
        archives: Sequence[LockedArchive],
        *,
        progress: Progress | None = None,
        arrived: Callable[[Digest], None] = lambda _: None,
    ) -> None:
        """Bring every package that the store lacks into it, at most six at once.

        A package that a mirror lost is sought in the snapshot service. ``arrived`` is told of
        each package once it is in the store, from the thread that fetched it. `BrokenLinkError`
        for wrong bytes, `NetworkError` when they can't be had.
        """
        told = progress or Silent()
        by_id = {archive.id: archive for archive in archives}
        missing = {
            package.digest: package for package in packages if not self._store.has(package.digest)
        }
        for digest in {
            package.digest: None for package in packages if package.digest not in missing
        }:
            arrived(digest)
        if not missing:
            return
        told.stage("packages", sum(package.size for package in missing.values()))
        # The largest first: the last connection then isn't left with a long file alone.
        order = sorted(missing.values(), key=lambda p: (-p.size, p.digest))
        stop = Event()

        def bring(package: LockedPackage) -> None:
            self._package(package, by_id, told, stop)
            arrived(package.digest)

        _parallel(order, bring, stop)

    def _suite(self, request: SuiteRequest, architectures: Sequence[str]) -> Suite:
        return read_suite(
            request,
            self._urls(request, architectures[0] if architectures else ""),
            store=self._store,
            client=self._client,
            now=self._clock,
            max_age=self._max_age,
        )

    def _index(self, wanted: WantedIndex, progress: Progress) -> VerifiedIndex:
        return get_index(
            wanted,
            self._urls(wanted.suite.request, wanted.architecture),
            store=self._store,
            client=self._client,
            progress=progress,
        )

    def _package(
        self,
        package: LockedPackage,
        archives: dict[str, LockedArchive],
        progress: Progress,
        stop: Event,
    ) -> None:
        archive = archives.get(package.archive)
        if archive is None:
            raise UsageError(
                f"{package.name} comes from {package.archive}, which the lock does not describe",
                resolution="write the lock anew with `neve lock`",
            )
        get_package(
            package,
            archive,
            self._mirrors,
            store=self._store,
            client=self._client,
            progress=progress,
            stop=stop,
        )

    def _urls(self, request: SuiteRequest, architecture: str) -> tuple[str, ...]:
        if request.snapshot is None:
            return self._mirrors.urls(request.alias, architecture)
        urls = self._mirrors.snapshot_urls(request.alias, request.snapshot)
        if not urls:
            raise UsageError(
                f"there is no snapshot service for the archive {request.alias!r}",
                resolution="remove `snapshot` from the recipe, or name a service under "
                '[mirrors] in neve.toml: snapshot = ["https://HOST"]',
            )
        return urls


def _verified(suite: Suite, indexes: Sequence[VerifiedIndex]) -> VerifiedArchive:
    release, request = suite.release, suite.request
    locked = LockedArchive(
        id=request.id,
        alias=request.alias,
        suite=request.suite,
        codename=release.codename,
        date=release.date,
        valid_until=release.valid_until,
        release=suite.digest,
        signers=suite.signers,
        snapshot=request.snapshot,
        indexes=tuple(index.locked for index in indexes),
    )
    return VerifiedArchive(
        locked=locked,
        indexes=tuple(indexes),
        suite=release.suite,
        codename=release.codename,
        version=release.version,
        origin=release.origin,
        label=release.label,
        not_automatic=release.not_automatic,
        but_automatic_upgrades=release.but_automatic_upgrades,
        components=tuple(word.rpartition("/")[2] for word in release.components),
    )


def _parallel(
    items: Iterable[_Item], work: Callable[[_Item], _Result], stop: Event | None = None
) -> list[_Result]:
    """``work`` on each item, results in their order. A failure sets ``stop`` and is raised."""
    listed = list(items)
    if len(listed) < 2:
        return [work(item) for item in listed]
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(max_workers=min(_CONNECTIONS, len(listed))) as pool:
        futures = [pool.submit(work, item) for item in listed]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            # The root of a failure, not a transfer that was stopped because of it.
            for future in futures:
                if future.done() and not isinstance(future.exception(), StoppedError | None):
                    future.result()
            return [future.result() for future in futures]
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
