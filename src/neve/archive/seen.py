"""What was seen of each suite before: to notice a downgrade, and to ask less of the network.

Kept as state in the store, which is never collected; the release file itself is a blob beside
it and is verified anew whenever it is used.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from neve.archive.failure import BrokenLinkError, Link
from neve.archive.release import ReleaseFile, snapshot_name
from neve.archive.types import SuiteRequest
from neve.errors import StoreError
from neve.model import Digest, sha256_of
from neve.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest believed release file of a suite.

    ``message`` and ``signature`` are blobs (InRelease, or Release and Release.gpg); ``source``
    is a hash of the address, ``etag`` and ``modified`` are that server's validators; ``checked``
    is when an archive last confirmed it, in seconds since the epoch.
    """

    date: int
    release: str
    message: str
    signature: str
    source: str
    etag: str | None
    modified: str | None
    checked: int


def recall(store: Store, request: SuiteRequest) -> Seen | None:
    """What was seen of this suite (or of its snapshot); `StoreError` if that is damaged."""
    data = store.state(_name(request))
    if data is None:
        return None
    try:
        return Seen(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"what the store remembers of {request.id} can't be read",
            resolution="it was written by another neve: use that one, or set NEVE_STORE to "
            "another directory",
        ) from error


def remember(store: Store, request: SuiteRequest, seen: Seen) -> None:
    """Keep ``seen``, unless another process saw something newer meanwhile."""
    name = _name(request)
    with store.lock(sha256_of(name.encode())):
        known = recall(store, request)
        if known is None or known.date <= seen.date:
            store.keep_state(name, json.dumps(asdict(seen)).encode())


def refuse_downgrade(seen: Seen | None, release: ReleaseFile, request: SuiteRequest) -> None:
    """Raise `BrokenLinkError` if ``release`` is older than what was believed before."""
    if seen is None or release.date >= seen.date:
        return
    raise BrokenLinkError(
        Link.DOWNGRADE,
        f"{request.id}: the archive shows an older state than it did before",
        details=(
            f"now: {snapshot_name(release.date)}",
            f"seen before: {snapshot_name(seen.date)}",
        ),
        resolution="the mirror went back or is stale: use another, or wait until it caught up; "
        f"for the older state on purpose, let the recipe say `snapshot: "
        f"{snapshot_name(release.date)}`",
    )


def blobs(seen: Seen) -> tuple[Digest, Digest | None]:
    """The blobs of the message and of its detached signature."""
    return Digest.parse(seen.message), Digest.parse(seen.signature) if seen.signature else None


def _name(request: SuiteRequest) -> str:
    """Recipes may call different archives by one alias: they are told apart by their keyring.

    The distribution's keyring changes with neve, and what was seen must outlast that.
    """
    at = f"@{request.snapshot}" if request.snapshot else ""
    whose = "" if request.signers else f"#{sha256_of(request.keyring).value}"
    return f"archive:{request.id}{at}{whose}"
