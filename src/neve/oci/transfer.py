"""Moving a gathered image: into a registry, or into the store on its way to a layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from neve.model import Digest
from neve.oci.contents import Contents, Gathered, Manifest, RepositoryContents, referrer_row
from neve.oci.manifest import Descriptor
from neve.oci.ports import BlobStore
from neve.oci.registry_referrers import add_to_tag, listed_referrers
from neve.oci.registry_upload import Sent, upload
from neve.oci.repository import Repository

_AT_ONCE = 4
_T = TypeVar("_T")
Told = Callable[[int, str], None]


@dataclass(slots=True, kw_only=True)
class Moved:
    """What a transfer did with blobs; ``size`` counts the bytes that went over the wire."""

    sent: int = 0
    present: int = 0
    mounted: int = 0
    size: int = 0
    manifests: int = 0
    referrers: int = 0


def push(
    gathered: Gathered,
    contents: Contents,
    target: Repository,
    *,
    tags: Iterable[str],
    store: BlobStore,
    told: Told,
) -> Moved:
    """Put the image under each of ``tags`` (without any: under its digest), then its referrers.

    A tag moves only when everything below it is there. Blobs of another repository in the same
    registry are mounted, what is there already is not sent.
    """
    moved = Moved()
    for blob, (outcome, size) in _in_parallel(
        gathered.blobs, lambda blob: _push_blob(blob, contents, target, store, told)
    ):
        del blob
        moved.sent += outcome is Sent.UPLOADED
        moved.present += outcome is Sent.PRESENT
        moved.mounted += outcome is Sent.MOUNTED
        moved.size += size
    for manifest in gathered.below:
        if not target.has_manifest(manifest.descriptor.digest):
            _put(manifest, target, str(manifest.descriptor.digest))
            moved.manifests += 1
    digest = str(gathered.root.descriptor.digest)
    for wanted in tuple(tags) or (digest,):
        _put(gathered.root, target, wanted)
    moved.manifests += 1
    moved.referrers = _push_referrers(gathered, target)
    return moved


def fetch(gathered: Gathered, contents: Contents, store: BlobStore, *, told: Told) -> Moved:
    """Bring every document and blob of the image into ``store``; what it holds is not fetched."""
    moved = Moved(manifests=1 + len(gathered.below), referrers=len(gathered.referrers))

    def one(blob: Descriptor) -> bool:
        name, heard = str(blob.digest)[:19], 0

        def hear(size: int) -> None:
            nonlocal heard
            size = min(size, blob.size - heard)  # a transfer that begins anew is not more
            heard += size
            told(size, name)

        fetched = contents.bring(blob, store, hear)
        hear(blob.size - heard)
        return fetched

    for blob, fetched in _in_parallel(gathered.blobs, one):
        moved.sent += fetched
        moved.present += not fetched
        moved.size += blob.size if fetched else 0
    return moved


def _push_blob(
    blob: Descriptor, contents: Contents, target: Repository, store: BlobStore, told: Told
) -> tuple[Sent, int]:
    mount_from = None
    if isinstance(contents, RepositoryContents):
        source = contents.repository
        if source.auth.base == target.auth.base and source.name != target.name:
            mount_from = source.name
    sent = 0

    def count(size: int) -> None:
        nonlocal sent
        sent += size
        told(size, str(blob.digest)[:19])

    outcome = upload(
        target,
        blob,
        lambda: contents.open(blob, store),
        mount_from=mount_from,
        told=count,
    )
    if outcome is not Sent.UPLOADED:
        told(blob.size, str(blob.digest)[:19])
    return outcome, sent


def _put(manifest: Manifest, target: Repository, wanted: str) -> bool:
    """Store a manifest; whether the registry says that it took note of its subject."""
    answer = target.put_manifest(manifest.data, manifest.descriptor.media_type, wanted)
    return "oci-subject" in answer.headers


def _push_referrers(gathered: Gathered, target: Repository) -> int:
    unlisted: dict[Digest, list[Descriptor]] = {}
    for subject, manifest in gathered.referrers:
        noted = _put(manifest, target, str(manifest.descriptor.digest))
        if not noted and b'"subject"' in manifest.data:
            unlisted.setdefault(subject, []).append(referrer_row(manifest))
    for subject, rows in unlisted.items():
        # Some that keep the list do not say so when they take a manifest.
        known = {row.digest for row in listed_referrers(target, subject) or ()}
        if missing := [row for row in rows if row.digest not in known]:
            add_to_tag(target, subject, missing)
    return len(gathered.referrers)


def _in_parallel(
    blobs: tuple[Descriptor, ...], work: Callable[[Descriptor], _T]
) -> Iterable[tuple[Descriptor, _T]]:
    """``work`` on each blob, the largest first; the first failure ends the rest."""
    ordered = sorted(blobs, key=lambda blob: (-blob.size, blob.digest))
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="blob") as pool:
        futures = [pool.submit(work, blob) for blob in ordered]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((f for f in futures if f.done() and f.exception() is not None), None)
            if failed is not None:
                failed.result()
            return [(blob, f.result()) for blob, f in zip(ordered, futures, strict=True)]
        finally:
            for future in futures:
                future.cancel()
