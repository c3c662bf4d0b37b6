"""An image as it is copied: documents and blobs, from a layout, an archive or a registry.

``gather`` reads every document of an image, and of what refers to it, before a byte of content
moves: afterwards all digests and sizes are known, and hostile graphs have been refused.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

from neve.errors import HostileInputError, TrustError, UsageError
from neve.model import Digest, Platform
from neve.oci.bundle import WholeImage
from neve.oci.documents import (
    annotations_of,
    descriptor_of,
    digest_of,
    json_object,
    part_of,
    platform_matches,
    rows_of,
)
from neve.oci.layout_source import OciLayout, choose_platform
from neve.oci.manifest import (
    DOCKER_INDEX_TYPE,
    INDEX_TYPE,
    REF_NAME,
    Descriptor,
    describe,
    referrers_tag,
)
from neve.oci.ports import BlobStore
from neve.oci.registry_referrers import list_referrers
from neve.oci.repository import Repository, manifest_type

_MAX_DEPTH = 4
_MAX_MANIFESTS = 2_000
_MAX_BLOBS = 50_000
_MAX_DOCUMENTS = 256 << 20
_INDEXES = (INDEX_TYPE, DOCKER_INDEX_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index with its bytes."""

    descriptor: Descriptor
    data: bytes = field(repr=False)


class Contents(Protocol):
    """Where an image is copied from."""

    @property
    def where(self) -> str:
        """Its name for people."""
        ...

    def root(self) -> Manifest:
        """What the tag points at."""
        ...

    def manifest(self, row: Descriptor) -> bytes:
        """The document that ``row`` describes, held to its digest."""
        ...

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What claims to refer to ``subject``."""
        ...

    def bring(self, blob: Descriptor, store: BlobStore, told: Callable[[int], None]) -> bool:
        """The blob into ``store``, held to its digest; ``False`` where it was there already.
        ``told`` hears of bytes as they arrive.
        """
        ...

    def open(self, blob: Descriptor, store: BlobStore) -> BinaryIO:
        """The blob's bytes from their beginning, unverified."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A whole image. ``below`` are the manifests under the index ``root``, children before who
    names them; ``referrers`` come by their subject; ``blobs`` are unique.
    """

    root: Manifest
    below: tuple[Manifest, ...]
    referrers: tuple[tuple[Digest, Manifest], ...]
    blobs: tuple[Descriptor, ...]


def gather(contents: Contents, *, platform: Platform | None, referrers: bool) -> Gathered:
    """All of the image at ``contents``, or of the one for ``platform`` in it.

    Raises ``HostileInputError`` for a graph past the bounds, ``TrustError`` for a document that
    is not what its digest says or a referrer of something else.
    """
    walk = _Walk(contents)
    root = contents.root()
    if platform is not None:
        root = walk.only(root, platform)
    below = walk.below(root)
    attached = walk.referrers([*below, root]) if referrers else []
    return Gathered(
        root=root,
        below=tuple(below),
        referrers=tuple(attached),
        blobs=tuple(walk.blobs.values()),
    )


class _Walk:
    """One pass over an image's documents."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._where = contents.where
        self._count = 0
        self._bytes = 0
        self._seen: set[Digest] = set()
        self.blobs: dict[Digest, Descriptor] = {}

    def only(self, root: Manifest, platform: Platform) -> Manifest:
        """The manifest for ``platform``."""
        for _ in range(_MAX_DEPTH):
            if root.descriptor.media_type not in _INDEXES:
                return self._of_platform(root, platform)
            rows = rows_of(json_object(root.data, self._where), "manifests", self._where)
            root = self._load(
                descriptor_of(choose_platform(rows, platform, None, self._where), self._where)
            )
        raise self._refused("indexes nested too deeply")

    def _of_platform(self, root: Manifest, platform: Platform) -> Manifest:
        if root.descriptor.platform is not None and not platform_matches(
            root.descriptor.platform, platform
        ):
            raise UsageError(
                f"{self._where}: no image for {platform}",
                details=(f"platform: {root.descriptor.platform}",),
                resolution="Name one of the platforms.",
            )
        return root

    def below(self, root: Manifest, depth: int = 0) -> list[Manifest]:
        """The manifests under ``root``, children first; blobs are noted on the way."""
        self._seen.add(root.descriptor.digest)
        document = json_object(root.data, self._where)
        if root.descriptor.media_type not in _INDEXES:
            self._note_blobs(document)
            return []
        if depth >= _MAX_DEPTH:
            raise self._refused("indexes nested too deeply")
        found: list[Manifest] = []
        for row in rows_of(document, "manifests", self._where):
            child = descriptor_of(row, self._where)
            if child.digest not in self._seen:
                manifest = self._load(child)
                found += [*self.below(manifest, depth + 1), manifest]
        return found

    def referrers(self, subjects: list[Manifest]) -> list[tuple[Digest, Manifest]]:
        """Referrers of the subjects, and theirs, each after what it refers to."""
        found: list[tuple[Digest, Manifest]] = []
        for _ in range(_MAX_DEPTH):
            fresh: list[tuple[Digest, Manifest]] = []
            for subject in subjects:
                fresh += self._referring(subject.descriptor.digest)
            if not fresh:
                return found
            found += fresh
            subjects = [manifest for _, manifest in fresh]
        raise self._refused("referrers that refer to each other too deeply")

    def _referring(self, subject: Digest) -> list[tuple[Digest, Manifest]]:
        found = []
        for row in self._contents.referrers(subject):
            if row.digest in self._seen:
                continue
            manifest = self._load(row)
            document = json_object(manifest.data, self._where)
            if digest_of(part_of(document, "subject", self._where), self._where) != subject:
                raise TrustError(
                    f"{self._where}: {row.digest} is listed as a referrer of {subject}, "
                    "but refers to something else",
                    resolution="Copy without referrers, and tell whoever runs the registry.",
                )
            children = self.below(manifest)
            found += [*((subject, child) for child in children), (subject, manifest)]
        return found

    def _load(self, row: Descriptor) -> Manifest:
        self._count += 1
        data = self._contents.manifest(row)
        self._bytes += len(data)
        if self._count > _MAX_MANIFESTS or self._bytes > _MAX_DOCUMENTS:
            raise self._refused(f"more than {_MAX_MANIFESTS} manifests")
        if len(data) != row.size:
            raise TrustError(
                f"{self._where}: {row.digest} has {len(data)} bytes, {row.size} were promised",
                resolution="Fetch or export the image again; if it stays so, do not use it.",
            )
        kind = manifest_type(json_object(data, self._where), row.media_type, self._refused)
        return Manifest(descriptor=replace(row, media_type=kind), data=data)

    def _note_blobs(self, document: dict[str, Any]) -> None:
        layers = rows_of(document, "layers", self._where)
        for row in (part_of(document, "config", self._where), *layers):
            if row.get("urls"):
                raise UsageError(
                    f"{self._where}: a layer that lies outside of registries",
                    resolution="Foreign layers (old Windows images) are not copied by neve.",
                )
            blob = descriptor_of(row, self._where)
            known = self.blobs.setdefault(blob.digest, blob)
            if known.size != blob.size:
                raise self._refused(f"{blob.digest} is given two sizes")
        if len(self.blobs) > _MAX_BLOBS:
            raise self._refused(f"more than {_MAX_BLOBS} blobs")

    def _refused(self, cause: str) -> HostileInputError:
        return HostileInputError(
            f"{self._where}: not an image that is copied: {cause}",
            resolution="Do not use this image; tell whoever made it.",
        )


class LayoutContents:
    """An image of an OCI layout or oci-archive."""

    def __init__(self, layout: OciLayout, tag: str | None) -> None:
        self._layout = layout
        self._tag = tag
        self._by_subject: dict[Digest, list[Descriptor]] | None = None

    @property
    def where(self) -> str:
        """The layout's path."""
        return self._layout.where

    def root(self) -> Manifest:
        """What the tag points at."""
        row = self._layout.root(self._tag)
        data = self._layout.document(row)
        descriptor = descriptor_of(row, self.where)
        return Manifest(descriptor=replace(descriptor, annotations={}), data=data)

    def manifest(self, row: Descriptor) -> bytes:
        """The document, held to its digest."""
        return self._layout.document(row.document())

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Untagged rows whose manifest names ``subject``, and the index under its tag."""
        if self._by_subject is None:
            self._by_subject = self._subjects()
        rows = list(self._by_subject.get(subject, ()))
        for row in self._layout.rows:
            if annotations_of(row).get(REF_NAME) == referrers_tag(subject):
                index = json_object(self._layout.document(row), self.where)
                listed = rows_of(index, "manifests", self.where)
                rows += [descriptor_of(one, self.where) for one in listed]
        return tuple({row.digest: row for row in rows}.values())

    def _subjects(self) -> dict[Digest, list[Descriptor]]:
        found: dict[Digest, list[Descriptor]] = {}
        for row in self._layout.rows[:_MAX_MANIFESTS]:
            if REF_NAME in annotations_of(row):
                continue
            document = json_object(self._layout.document(row), self.where)
            if isinstance(document.get("subject"), dict):
                subject = digest_of(document["subject"], self.where)
                found.setdefault(subject, []).append(descriptor_of(row, self.where))
        return found

    def bring(self, blob: Descriptor, store: BlobStore, told: Callable[[int], None]) -> bool:
        """The blob into ``store``, held to its digest and size."""
        if store.sound(blob.digest):
            return False
        with self.open(blob, store) as file, store.writer(blob.digest) as writer:
            count = 0
            while data := file.read(1 << 20):
                count += len(data)
                if count > blob.size:
                    break
                writer.write(data)
                told(len(data))
            if count != blob.size:
                raise TrustError(
                    f"{self.where}: {blob.digest} does not have its {blob.size} bytes",
                    resolution="Fetch or export the image again.",
                )
            writer.commit()
        return True

    def open(self, blob: Descriptor, _store: BlobStore) -> BinaryIO:
        """The blob's bytes as they lie there."""
        return self._layout.open(blob.digest)


class BuiltContents:
    """An image that was just built: documents in memory, layers in the store."""

    def __init__(self, bundle: WholeImage, where: str) -> None:
        self.where = where
        self._bundle = bundle

    def root(self) -> Manifest:
        """What a tag points at."""
        root = self._bundle.root
        return Manifest(descriptor=root, data=self._bundle.documents[root.digest])

    def manifest(self, row: Descriptor) -> bytes:
        """The document."""
        return self._bundle.documents[row.digest]

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What the build attached to ``subject``."""
        found = []
        for row in self._bundle.referrers:
            document = json_object(self._bundle.documents[row.digest], self.where)
            if digest_of(part_of(document, "subject", self.where), self.where) == subject:
                found.append(row)
        return tuple(found)

    def bring(self, blob: Descriptor, store: BlobStore, _told: Callable[[int], None]) -> bool:
        """A document into the store; layers are there."""
        if blob.digest in self._bundle.documents:
            store.put(self._bundle.documents[blob.digest])
        return False

    def open(self, blob: Descriptor, store: BlobStore) -> BinaryIO:
        """The blob's bytes."""
        data = self._bundle.documents.get(blob.digest)
        return store.path(blob.digest).open("rb") if data is None else io.BytesIO(data)


class RepositoryContents:
    """An image of a registry."""

    def __init__(self, repository: Repository, wanted: str) -> None:
        self.repository = repository
        self._wanted = wanted

    @property
    def where(self) -> str:
        """The repository's name."""
        return self.repository.where

    def root(self) -> Manifest:
        """What the tag or digest names."""
        found = self.repository.manifest(self._wanted)
        return Manifest(descriptor=found.descriptor, data=found.data)

    def manifest(self, row: Descriptor) -> bytes:
        """The document, held to its digest."""
        return self.repository.manifest(str(row.digest)).data

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What the registry lists."""
        return list_referrers(self.repository, subject)

    def bring(self, blob: Descriptor, store: BlobStore, told: Callable[[int], None]) -> bool:
        """The blob into ``store``."""
        return self.repository.fetch(blob, store, told=told)

    def open(self, blob: Descriptor, store: BlobStore) -> BinaryIO:
        """The blob's bytes, fetched into ``store`` first."""
        self.repository.fetch(blob, store)
        return store.path(blob.digest).open("rb")


def referrer_row(manifest: Manifest) -> Descriptor:
    """The row of ``manifest`` in an index of referrers: with artifact type and annotations
    (distribution-spec, "Pushing Manifests with Subject").
    """
    document = json_object(manifest.data, "a referrer")
    kind = document.get("artifactType")
    if not kind:
        config = document.get("config")
        kind = config.get("mediaType") if isinstance(config, dict) else None
    row = describe(manifest.data, manifest.descriptor.media_type)
    return replace(
        row,
        artifact_type=str(kind) if kind else None,
        annotations={str(k): str(v) for k, v in annotations_of(document).items()},
    )
