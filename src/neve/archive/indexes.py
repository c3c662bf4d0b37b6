"""Package indexes: the release file's word → bytes in the store, hash and size checked twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.inflate import COMPRESSIONS, inflate_index
from neve.archive.mirrors import join_url
from neve.archive.release import Listed
from neve.archive.suites import Suite
from neve.archive.types import Progress, VerifiedIndex
from neve.errors import HostileInputError, NeveError, StoreError, TrustError, UsageError
from neve.model import Digest, sha256_of
from neve.net import Client, NotFoundError, OfflineError, WrongSizeError
from neve.recipe.lock import LockedIndex
from neve.store import Store

_INDEX_LIMIT = 1 << 30
_INFLATED = "archive.inflated 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedIndex:
    """One ``Packages`` index of a suite. ``path`` below the suite's directory, uncompressed.

    ``forms`` are the listed files that hold it, cheapest first, each with its suffix.
    """

    suite: Suite
    component: str
    architecture: str
    path: str
    forms: tuple[tuple[str, Listed], ...]


def wanted_indexes(suite: Suite, architectures: Sequence[str]) -> Iterator[WantedIndex]:
    """The indexes of ``suite`` for these architectures, in the order asked for.

    `UsageError` for a component or architecture that the suite does not have.
    """
    release = suite.release
    known = release.architectures
    missing = [name for name in architectures if known and name not in known]
    wanted = [name for name in architectures if name not in missing]
    if missing and not (suite.request.partial and wanted):
        raise UsageError(
            f"{suite.request.id} has nothing for {missing[0]}",
            resolution=f"choose among {' '.join(known)}",
        )
    if release.separate_all and "all" not in wanted:
        wanted.append("all")
    for component in suite.request.components:
        for architecture in wanted:
            path = f"{component}/binary-{architecture}/Packages"
            forms = tuple(
                (suffix, release.files[path + suffix])
                for suffix in COMPRESSIONS
                if path + suffix in release.files
            )
            if not forms and architecture == "all":
                continue
            if not forms:
                raise UsageError(
                    f"{suite.request.id} has no component {component!r} for {architecture}",
                    resolution=f"choose among {' '.join(release.components)}",
                )
            yield WantedIndex(
                suite=suite,
                component=component,
                architecture=architecture,
                path=path,
                forms=forms,
            )


def get_index(
    wanted: WantedIndex,
    urls: Sequence[str],
    *,
    store: Store,
    client: Client,
    progress: Progress,
) -> VerifiedIndex:
    """The index in the store, re-hashed if it was there, fetched from ``urls`` if not."""
    plain = dict(wanted.forms).get("")
    key = sha256_of(f"{_INFLATED}\0{wanted.forms[0][1].digest}".encode())
    known = plain.digest if plain is not None else _known(store, key)
    if known is not None and store.sound(known):
        return _verified(wanted, known, store)
    with store.lock(key):
        if known is not None and store.sound(known):
            return _verified(wanted, known, store)
        data = _fetch(wanted, urls, store=store, client=client, progress=progress)
        store.remember(key, str(data).encode())
    return _verified(wanted, data, store)


def _verified(wanted: WantedIndex, data: Digest, store: Store) -> VerifiedIndex:
    """Locks name the uncompressed index if it is listed: the same whatever form was fetched."""
    suffix, listed = next((form for form in wanted.forms if form[0] == ""), wanted.forms[0])
    locked = LockedIndex(
        component=wanted.component,
        architecture=wanted.architecture,
        path=wanted.path + suffix,
        digest=listed.digest,
        size=listed.size,
    )
    return VerifiedIndex(locked=locked, data=data)


def _known(store: Store, key: Digest) -> Digest | None:
    value = store.action(key)
    return Digest.parse(value.decode()) if value is not None else None


def _fetch(
    wanted: WantedIndex,
    urls: Sequence[str],
    *,
    store: Store,
    client: Client,
    progress: Progress,
) -> Digest:
    failures: list[NeveError] = []
    for url in urls:
        for suffix, listed in wanted.forms:
            for path in _paths(wanted, suffix, listed):
                try:
                    blob = _download(
                        join_url(url, path),
                        wanted,
                        listed,
                        store=store,
                        client=client,
                        progress=progress,
                    )
                    return _inflate(wanted, suffix, blob, store)
                except NotFoundError as error:
                    failures.append(error)
                except OfflineError:
                    raise
                except StoreError:
                    raise
                except NeveError as error:
                    failures.append(error)
                    break
            else:
                continue
            break
    raise min(failures, key=_gravity)


def _gravity(failure: NeveError) -> int:
    """Wrong bytes before a silent server before a file that is not there."""
    if isinstance(failure, TrustError | HostileInputError):
        return 0
    return 2 if isinstance(failure, NotFoundError) else 1


def _paths(wanted: WantedIndex, suffix: str, listed: Listed) -> list[str]:
    """By hash first: an archive that is being updated then still has what its release names."""
    base = f"dists/{wanted.suite.request.suite}"
    path = f"{base}/{wanted.path}{suffix}"
    if not wanted.suite.release.by_hash:
        return [path]
    directory = path.rpartition("/")[0]
    return [f"{directory}/by-hash/SHA256/{listed.digest.value}", path]


def _download(
    url: str,
    wanted: WantedIndex,
    listed: Listed,
    *,
    store: Store,
    client: Client,
    progress: Progress,
) -> Digest:
    name = f"{wanted.suite.request.id} {wanted.path}"
    if listed.size > _INDEX_LIMIT:
        raise _broken(name, f"is {listed.size} bytes long, more than neve reads")
    if store.sound(listed.digest):
        return listed.digest
    with store.writer(listed.digest) as writer:
        try:
            client.download(url, writer, size=listed.size)
            progress.advance(writer.position, name)
            return writer.commit()
        except WrongSizeError as error:
            raise _broken(
                name, f"has another size than the release file says: {error.cause}"
            ) from error
        except StoreError:
            raise
        except TrustError as error:
            raise _broken(name, "has another hash than the release file says") from error


def _inflate(wanted: WantedIndex, suffix: str, blob: Digest, store: Store) -> Digest:
    plain = dict(wanted.forms).get("")
    if suffix == "":
        return blob
    name = f"{wanted.suite.request.id} {wanted.path}{suffix}"
    with store.writer(plain.digest if plain else None) as writer:
        limit = plain.size if plain else _INDEX_LIMIT
        for block in inflate_index(store.mapped(blob), suffix, limit=limit, subject=name):
            writer.write(block)
        try:
            return writer.commit()
        except StoreError:
            raise
        except TrustError as error:
            raise _broken(name, "inflates to something else than the release file says") from error


def _broken(name: str, why: str) -> BrokenLinkError:
    return BrokenLinkError(
        Link.INDEX,
        f"{name} {why}",
        resolution="the mirror is being updated or is damaged: try again in some minutes, or use "
        "another mirror",
    )
