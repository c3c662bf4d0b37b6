"""Package files: from a mirror, else from the snapshot service, into the store by their hash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event
from urllib.parse import quote

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.mirrors import Mirrors, join_url
from neve.archive.release import snapshot_name
from neve.archive.types import Progress
from neve.errors import NeveError, StoreError, ToolError, TrustError
from neve.model import Digest
from neve.net import (
    Client,
    NetworkError,
    NotFoundError,
    OfflineError,
    WrongSizeError,
    shown,
)
from neve.recipe.lock import LockedArchive, LockedPackage
from neve.store import BlobWriter, Store

_API_LIMIT = 4 * 1024 * 1024
_HOUR = 3600
_LATER = (6 * _HOUR, 24 * _HOUR, 0)
"""Seconds after a release file's date at which a snapshot may hold its packages: the service
takes a few a day and shows the newest one before the time asked for (snapshot.debian.org)."""


class StoppedError(ToolError):
    """A transfer that was given up because another one failed; never what a person sees."""


def _stopped() -> StoppedError:
    return StoppedError("another transfer failed", resolution="see that failure")


def get_package(
    package: LockedPackage,
    archive: LockedArchive,
    mirrors: Mirrors,
    *,
    store: Store,
    client: Client,
    progress: Progress,
    stop: Event,
) -> None:
    """Bring ``package`` into the store, verified; from wherever its bytes can still be had."""
    with store.lock(package.digest):
        if store.has(package.digest):
            progress.advance(package.size, package.name)
            return
        failures: list[NeveError] = []
        for url in _addresses(package, archive, mirrors, client, failures):
            if stop.is_set():
                raise _stopped()
            try:
                _download(url, package, store=store, client=client, progress=progress, stop=stop)
                return
            except (StoreError, OfflineError, StoppedError):
                raise
            except NeveError as error:
                failures.append(error)
    raise _lost(package, failures)


def _addresses(
    package: LockedPackage,
    archive: LockedArchive,
    mirrors: Mirrors,
    client: Client,
    failures: list[NeveError],
) -> Iterator[str]:
    """Where the file may be, the likeliest place first; later places are looked up when reached."""
    snapshot = archive.snapshot
    if snapshot is not None:
        for base in mirrors.snapshot_urls(archive.alias, snapshot):
            yield join_url(base, package.path)
    for base in mirrors.urls(archive.alias, package.architecture):
        yield join_url(base, package.path)
    for api in mirrors.snapshot_apis(archive.alias):
        try:
            yield from _files(api, package, client)
        except NetworkError as error:
            failures.append(error)
    if snapshot is None:
        for later in _LATER:
            for base in mirrors.snapshot_urls(archive.alias, snapshot_name(archive.date + later)):
                yield join_url(base, package.path)


def _files(api: str, package: LockedPackage, client: Client) -> Iterator[str]:
    """Ask by name and version: the service files contents under SHA-1, which no lock holds.

    That hash only addresses the file; what arrives is judged by the lock's SHA-256.
    """
    name, version = quote(package.name, safe="+~"), quote(package.version, safe="+~")
    url = f"{api}/mr/binary/{name}/{version}/binfiles"
    try:
        answer = json.loads(client.get_bytes(url, limit=_API_LIMIT))
        listed = answer["result"]
        hashes = [
            Digest("sha1", entry["hash"]).value
            for entry in listed
            if entry["architecture"] == package.architecture
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NetworkError(
            url, "answered something unexpected", resolution="try again later"
        ) from error
    for value in dict.fromkeys(hashes):
        yield f"{api}/file/{value}"


def _download(
    url: str,
    package: LockedPackage,
    *,
    store: Store,
    client: Client,
    progress: Progress,
    stop: Event,
) -> None:
    with store.writer(package.digest) as writer:
        sink = _Told(writer, progress, package.name, stop)
        try:
            client.download(url, sink, size=package.size)
            writer.commit()
        except WrongSizeError as error:
            sink.take_back()
            raise _broken(package, error.brief) from error
        except StoreError:
            raise
        except TrustError as error:
            sink.take_back()
            raise _broken(package, f"{shown(url)} has another SHA-256") from error
        except NeveError:
            sink.take_back()
            raise


class _Told:
    """A sink that tells an observer and ends when told to; what is dropped is taken back."""

    def __init__(self, writer: BlobWriter, progress: Progress, name: str, stop: Event) -> None:
        self._stop = stop
        self._writer = writer
        self._progress = progress
        self._name = name

    @property
    def position(self) -> int:
        return self._writer.position

    def write(self, data: bytes) -> None:
        if self._stop.is_set():
            raise _stopped()
        self._writer.write(data)
        self._progress.advance(len(data), self._name)

    def restart(self) -> None:
        self.take_back()
        self._writer.restart()

    def take_back(self) -> None:
        if self._writer.position:
            self._progress.advance(-self._writer.position, self._name)


def _broken(package: LockedPackage, why: str) -> BrokenLinkError:
    return BrokenLinkError(
        Link.PACKAGE,
        f"{package.name} {package.version} ({package.architecture}) is not what the signed index "
        f"says: {why}",
        resolution="the mirror or something on the way changed it: use another mirror",
    )


def _lost(package: LockedPackage, failures: list[NeveError]) -> NeveError:
    """The gravest failure: wrong bytes, then a silent server, then a file nobody holds."""
    named = f"{package.name} {package.version} ({package.architecture})"
    details = tuple(dict.fromkeys(failure.brief for failure in failures))
    for failure in failures:
        if isinstance(failure, TrustError):
            return failure
    for failure in failures:
        if not isinstance(failure, NotFoundError):
            return ToolError(
                f"could not fetch {named}: {failure.brief}",
                details=details,
                resolution=failure.resolution,
            )
    return ToolError(
        f"no mirror and no snapshot holds {named} any more",
        details=details,
        resolution="lock anew with `neve lock --update`, or name a snapshot service that has it "
        "under [mirrors] in neve.toml",
    )
