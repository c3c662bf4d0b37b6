"""Getting one suite's release file: from the store if young enough, else from its mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.mirrors import join_url
from neve.archive.release import ReleaseFile, judge_release, parse_release
from neve.archive.seen import Seen, blobs, recall, refuse_downgrade, remember
from neve.archive.signature import Signed, verify_detached, verify_inline
from neve.archive.types import SuiteRequest
from neve.errors import NeveError, StoreError
from neve.model import Digest, sha256_of
from neve.net import Client, Fetched, NotFoundError, OfflineError, shown
from neve.store import Store

_RELEASE_LIMIT = 32 * 1024 * 1024
_SIGNATURE_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A believed release file; ``digest`` is that of the signed text."""

    request: SuiteRequest
    release: ReleaseFile
    digest: Digest
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Got:
    """A release file as it came: message, detached signature or none, and its validators."""

    message: bytes
    signature: bytes | None
    fetched: Fetched
    source: str


def read_suite(
    request: SuiteRequest,
    urls: Sequence[str],
    *,
    store: Store,
    client: Client,
    now: int,
    max_age: int,
) -> Suite:
    """The suite's release file, verified and judged at ``now``.

    One that was confirmed less than ``max_age`` seconds ago, and a snapshot's, are taken from
    the store. Otherwise every one of ``urls`` is tried in turn; when all fail, the gravest
    failure is raised: a broken link before a silent server.
    """
    seen = recall(store, request)
    if seen is not None and (request.snapshot or 0 <= now - seen.checked < max_age):
        kept = _if_valid(request, seen, store, now=now)
        if kept is not None:
            return kept
    failures: list[NeveError] = []
    for url in urls:
        try:
            return _from_mirror(request, url, seen, store=store, client=client, now=now)
        except OfflineError as error:
            kept = _from_store(request, seen, store, now=now) if seen is not None else None
            if kept is not None:
                return kept
            failures.append(error)
            break
        except StoreError:
            raise
        except NeveError as error:
            failures.append(error)
    raise _gravest(failures, request)


def _from_store(request: SuiteRequest, seen: Seen, store: Store, *, now: int) -> Suite | None:
    message, signature = blobs(seen)
    if not store.has(message) or (signature is not None and not store.has(signature)):
        return None
    try:
        data = store.read(message)
        detached = store.read(signature) if signature is not None else None
    except StoreError:
        return None
    return _believed(request, data, detached, now=now)


def _if_valid(request: SuiteRequest, seen: Seen, store: Store, *, now: int) -> Suite | None:
    """As `_from_store`, but ``None`` for what expired meanwhile: a mirror may have a newer one."""
    try:
        return _from_store(request, seen, store, now=now)
    except BrokenLinkError:
        return None


def _from_mirror(
    request: SuiteRequest, url: str, seen: Seen | None, *, store: Store, client: Client, now: int
) -> Suite:
    directory = f"{join_url(url, 'dists')}/{request.suite}"
    source = sha256_of(shown(directory).encode()).value
    if seen is not None and seen.source == source and (seen.etag or seen.modified):
        kept = _if_valid(request, seen, store, now=now)
        if kept is not None and not _changed(directory, seen, client):
            remember(store, request, replace(seen, checked=now))
            return kept
    got = _get(directory, source, client, request)
    suite = _believed(request, got.message, got.signature, now=now)
    refuse_downgrade(seen, suite.release, request)
    remember(
        store,
        request,
        Seen(
            date=suite.release.date,
            release=str(suite.digest),
            message=str(store.put(got.message)),
            signature=str(store.put(got.signature)) if got.signature is not None else "",
            source=source,
            etag=got.fetched.etag,
            modified=got.fetched.modified,
            checked=now,
        ),
    )
    return suite


def _changed(directory: str, seen: Seen, client: Client) -> bool:
    """Whether the server has something else than ``seen``; only asked for inline signatures."""
    if seen.signature:
        return True
    answer = client.get_if_changed(
        f"{directory}/InRelease", limit=_RELEASE_LIMIT, etag=seen.etag, modified=seen.modified
    )
    return answer is not None and str(sha256_of(answer.body)) != seen.message


def _get(directory: str, source: str, client: Client, request: SuiteRequest) -> _Got:
    """``InRelease``, or ``Release`` with ``Release.gpg`` where an archive has only these."""
    try:
        fetched = _fetched(client, f"{directory}/InRelease")
        return _Got(message=fetched.body, signature=None, fetched=fetched, source=source)
    except NotFoundError:
        pass
    try:
        fetched = _fetched(client, f"{directory}/Release")
        signature = client.get_bytes(f"{directory}/Release.gpg", limit=_SIGNATURE_LIMIT)
    except NotFoundError as error:
        raise BrokenLinkError(
            Link.RELEASE,
            f"{request.id}: the archive has no signed release file: {error.brief}",
            resolution="check the suite's name, and name a mirror that has it under [mirrors] in "
            "neve.toml; an archive without InRelease or Release.gpg can't be trusted",
        ) from error
    return _Got(message=fetched.body, signature=signature, fetched=fetched, source=source)


def _fetched(client: Client, url: str) -> Fetched:
    fetched = client.get_if_changed(url, limit=_RELEASE_LIMIT, etag=None, modified=None)
    if fetched is None:
        raise NotFoundError(
            url, "said it is unchanged without being asked", resolution="use another mirror"
        )
    return fetched


def _believed(request: SuiteRequest, message: bytes, signature: bytes | None, *, now: int) -> Suite:
    signed: Signed = (
        verify_inline(message, request)
        if signature is None
        else verify_detached(message, signature, request)
    )
    release = parse_release(signed.data, request)
    judge_release(release, request, now=now)
    return Suite(
        request=request, release=release, digest=sha256_of(signed.data), signers=signed.signers
    )


def _gravest(failures: list[NeveError], request: SuiteRequest) -> NeveError:
    for failure in failures:
        if isinstance(failure, BrokenLinkError) and failure.link is not Link.RELEASE:
            return failure
    for failure in failures:
        if isinstance(failure, BrokenLinkError):
            return failure
    if failures:
        return failures[0]
    return BrokenLinkError(
        Link.RELEASE,
        f"{request.id}: no address to get its release file from",
        resolution="add one under [mirrors] in neve.toml",
    )
