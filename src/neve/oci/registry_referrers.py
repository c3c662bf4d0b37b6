"""Referrers in a registry: its API, or the index under a tag where it has none.

Source: distribution-spec 1.1, "Listing Referrers", "Unavailable Referrers API" and "Referrers
Tag Schema".
"""

from __future__ import annotations

from collections.abc import Iterable

from neve.model import Digest
from neve.oci.documents import descriptor_of, json_object, rows_of
from neve.oci.manifest import INDEX_TYPE, Descriptor, image_index, referrers_tag
from neve.oci.repository import Repository

_MAX_REFERRERS = 2_000
_UNKNOWN = (400, 404, 405, 501)
"""How registries without the API answer; the specification asks for 404."""


def list_referrers(repository: Repository, subject: Digest) -> tuple[Descriptor, ...]:
    """What says that it refers to ``subject``, sorted by digest; empty where nothing does.

    The rows are claims: only the ``subject`` of each manifest proves that it belongs there.
    """
    rows = listed_referrers(repository, subject)
    if rows is None:
        rows = tuple(_from_tag(repository, subject).values())
    unique = {row.digest: row for row in rows}
    return tuple(unique[digest] for digest in sorted(unique))


def add_to_tag(repository: Repository, subject: Digest, rows: Iterable[Descriptor]) -> None:
    """Enter ``rows`` into the index of referrers under ``subject``'s tag, as whoever pushes
    must where the registry does not do it.
    """
    known = _from_tag(repository, subject)
    merged = {**known, **{row.digest: row for row in rows}}
    if merged == known:
        return
    data = image_index([merged[digest] for digest in sorted(merged)], {})
    repository.put_manifest(data, INDEX_TYPE, referrers_tag(subject))


def listed_referrers(repository: Repository, subject: Digest) -> tuple[Descriptor, ...] | None:
    """What the registry's own list of referrers names; ``None`` where it has no such list."""
    found: list[Descriptor] = []
    pages = 0
    for document in repository.pages(f"referrers/{subject}", accept=INDEX_TYPE, absent=_UNKNOWN):
        pages += 1
        found += _descriptors(document, repository)
        if len(found) > _MAX_REFERRERS:
            raise repository.hostile(f"more than {_MAX_REFERRERS} referrers to one image")
    return tuple(found) if pages else None


def _from_tag(repository: Repository, subject: Digest) -> dict[Digest, Descriptor]:
    index = repository.find_manifest(referrers_tag(subject))
    if index is None or index.descriptor.media_type != INDEX_TYPE:
        return {}
    document = json_object(index.data, repository.where)
    rows = _descriptors(document, repository)
    if len(rows) > _MAX_REFERRERS:
        raise repository.hostile(f"more than {_MAX_REFERRERS} referrers to one image")
    return {row.digest: row for row in rows}


def _descriptors(document: dict[str, object], repository: Repository) -> list[Descriptor]:
    rows = rows_of(document, "manifests", repository.where)
    return [descriptor_of(row, repository.where) for row in rows]
