"""One repository of a registry: manifests, tags and blobs (distribution-spec 1.1).

Nothing a registry says is taken on trust: every document is bounded and held to its digest,
every blob to digest and size, and links of lists lead nowhere but on in the same list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from neve.errors import HostileInputError, TrustError
from neve.model import Digest
from neve.net import (
    AccessError,
    Answer,
    Exchanger,
    Guard,
    NetworkError,
    NotFoundError,
    Request,
    Sink,
)
from neve.net.addresses import same_server
from neve.net.exchange import Body
from neve.oci.documents import hash_like, json_object
from neve.oci.manifest import (
    DOCKER_INDEX_TYPE,
    DOCKER_MANIFEST_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
)
from neve.oci.ports import BlobStore
from neve.oci.registry_auth import RegistryAuth

MAX_MANIFEST = 16 << 20
MAX_BLOB = 64 << 30
_MAX_PAGES = 1000
_MAX_TAGS = 200_000
_PAGE = 1000
_INDEXES = (INDEX_TYPE, DOCKER_INDEX_TYPE)
_MANIFESTS = (MANIFEST_TYPE, DOCKER_MANIFEST_TYPE)
_ACCEPTED = ", ".join((*_INDEXES, *_MANIFESTS))
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_CODE = re.compile(r"[A-Z][A-Z_]{2,39}")
_NEXT = re.compile(r'<([^>]{1,4096})>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteManifest:
    """A manifest or index as a registry holds it, verified."""

    descriptor: Descriptor
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """``where`` is its name for people; ``direct`` goes past any proxy."""

    client: Exchanger
    auth: RegistryAuth
    name: str
    where: str
    direct: bool

    def manifest(self, wanted: str) -> RemoteManifest:
        """The manifest or index under a tag or digest. Raises ``NotFoundError`` where there is
        none, ``TrustError`` for other bytes than the digest names, ``HostileInputError`` for
        what is no manifest.
        """
        answer = self.ask(
            "GET", f"manifests/{wanted}", headers={"Accept": _ACCEPTED}, limit=MAX_MANIFEST
        )
        self.expect(answer, 200, what=f"{self.where}: {wanted}")
        return self._checked(wanted, answer)

    def find_manifest(self, wanted: str) -> RemoteManifest | None:
        """As ``manifest``, ``None`` where there is none."""
        try:
            return self.manifest(wanted)
        except NotFoundError:
            return None

    def has_manifest(self, digest: Digest) -> bool:
        """Whether the registry says that it holds this manifest."""
        answer = self.ask("HEAD", f"manifests/{digest}", headers={"Accept": _ACCEPTED})
        return answer.status == 200

    def has_blob(self, digest: Digest) -> bool:
        """Whether the registry says that it holds this blob."""
        return self.ask("HEAD", f"blobs/{digest}").status == 200

    def fetch(
        self, blob: Descriptor, store: BlobStore, *, told: Callable[[int], None] | None = None
    ) -> bool:
        """Bring ``blob`` into ``store``, verified; ``False`` where it was there already.
        ``told`` hears of bytes as they arrive.
        """
        if blob.digest.algorithm != "sha256" or blob.size > MAX_BLOB:
            raise HostileInputError(
                f"{self.where}: {blob.digest} of {blob.size} bytes is not taken",
                resolution=f"Blobs are named by sha256 and have at most {MAX_BLOB} bytes.",
            )
        if store.sound(blob.digest):
            return False
        with self._explained(), store.writer(blob.digest) as writer:
            self.client.download(
                self.url(f"blobs/{blob.digest}"),
                _Heard(writer, told or (lambda _: None)),  # type: ignore[arg-type]  # a sink, too
                size=blob.size,
                guard=self.guard("pull"),
                direct=self.direct,
            )
            try:
                writer.commit()
            except TrustError as error:
                raise TrustError(
                    f"{self.where}: {error.brief}",
                    resolution="Try again; if it stays so, the registry does not hold what the "
                    "image names: do not use it.",
                ) from error
        return True

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        found: set[str] = set()
        for document in self.pages(f"tags/list?n={_PAGE}", accept="application/json"):
            rows = document.get("tags") or []
            if not isinstance(rows, list):
                raise self.hostile("its list of tags is no list")
            fresh = {row for row in rows if isinstance(row, str) and _TAG.fullmatch(row)}
            if len(fresh) != len(set(map(str, rows))):
                raise self.hostile("its list of tags holds what is no tag")
            if rows and fresh <= found:
                raise self.hostile("its list of tags repeats itself")
            found |= fresh
            if len(found) > _MAX_TAGS:
                raise self.hostile(f"it lists more than {_MAX_TAGS} tags")
        return tuple(sorted(found))

    def put_manifest(self, data: bytes, media_type: str, wanted: str) -> Answer:
        """Store a manifest under a tag or digest; the registry's answer, its digest checked."""
        answer = self.ask(
            "PUT",
            f"manifests/{wanted}",
            headers={"Content-Type": media_type},
            body=data,
            action="push",
        )
        self.expect(answer, 201, 200, 202, what=f"{self.where}: {wanted}")
        claimed = _digest(answer.headers.get("docker-content-digest"))
        if claimed is not None and claimed != hash_like(data, claimed):
            raise TrustError(
                f"{self.where}: the registry stored {wanted} under another digest",
                details=(f"sent {hash_like(data, claimed)}", f"answered {claimed}"),
                resolution="A proxy or the registry rewrites manifests; push past it.",
            )
        return answer

    def pages(
        self, path: str, *, accept: str, absent: tuple[int, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """The documents of a list in pages; none at all where the first answer's status is one of
        ``absent`` or it has another media type: then the registry knows no such list.
        """
        first = url = self.url(path)
        seen: set[str] = set()
        while url not in seen:
            if len(seen) >= _MAX_PAGES:
                raise self.hostile(f"a list of more than {_MAX_PAGES} pages")
            seen.add(url)
            answer = self.ask("GET", url, headers={"Accept": accept}, limit=MAX_MANIFEST)
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            unknown = answer.status in absent or (answer.status == 200 and kind != accept)
            if absent and len(seen) == 1 and unknown:
                return
            self.expect(answer, 200, what=self.where)
            yield json_object(answer.body, self.where)
            following = _NEXT.search(answer.headers.get("link", "")[:8192])
            if following is None:
                return
            url = urljoin(url, following[1])
            if not same_server(url, first) or urlsplit(url).path != urlsplit(first).path:
                raise self.hostile("a list that goes on in another place")
        raise self.hostile("a list that goes round in a circle")

    def url(self, path: str) -> str:
        """The address of ``path`` in this repository."""
        return f"{self.auth.base}/v2/{self.name}/{path}"

    def guard(self, *actions: str, source: str | None = None) -> Guard:
        """The guard of requests that need ``actions``, and with ``source`` read that, too."""
        scopes = [f"repository:{self.name}:{','.join(actions)}"]
        if source is not None:
            scopes.append(f"repository:{source}:pull")
        return self.auth.guard(self.name, *scopes)

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: Body | None = None,
        length: int = 0,
        limit: int = 1 << 20,
        action: str = "pull",
        attempts: int | None = None,
        source: str | None = None,
    ) -> Answer:
        """One request about this repository; ``path`` may be a whole address of the registry's."""
        actions = ("pull", "push") if action == "push" else ("pull",)
        with self._explained():
            return self.client.send(
                Request(
                    method=method,
                    url=path if "://" in path else self.url(path),
                    headers=headers or {},
                    body=body,
                    length=length,
                    guard=self.guard(*actions, source=source),
                    limit=limit,
                    attempts=attempts,
                    direct=self.direct,
                )
            )

    def expect(self, answer: Answer, *statuses: int, what: str) -> None:
        """Raise what fits an answer of any other status: `NotFoundError`, `AccessError`, …"""
        if answer.status in statuses:
            return
        codes = _codes(answer.body)
        shown = f"{answer.status}, {codes}" if codes else str(answer.status)
        if answer.status in (404, 410):
            raise NotFoundError(
                answer.url,
                f"not found ({shown})",
                details=(what,),
                resolution="Check the name, the tag and the platform; `neve tags` lists tags.",
            )
        if answer.status in (401, 403):
            raise self._no_access(answer.url, shown)
        raise NetworkError(
            answer.url,
            f"the registry refused ({shown})",
            details=(what,),
            resolution="Check the registry's rules for this repository, then try again.",
        )

    def hostile(self, cause: str) -> HostileInputError:
        """The error for an answer that no honest registry gives."""
        return HostileInputError(
            f"{self.where}: the registry answers {cause}",
            resolution="Do not use this registry; tell whoever runs it.",
        )

    def _checked(self, wanted: str, answer: Answer) -> RemoteManifest:
        data = answer.body
        digest = hash_like(data, Digest("sha256", "0" * 64))
        claimed = _digest(answer.headers.get("docker-content-digest"))
        for named in (claimed, _digest(wanted)):
            if named is not None and hash_like(data, named) != named:
                raise TrustError(
                    f"{self.where}: the manifest is not what its digest says",
                    details=(f"expected {named}", f"got {digest}"),
                    resolution="Try again; if it stays so, do not use this registry.",
                )
        document = json_object(data, self.where)
        kind = manifest_type(document, answer.headers.get("content-type", ""), self.hostile)
        return RemoteManifest(
            descriptor=Descriptor(media_type=kind, digest=digest, size=len(data)), data=data
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except AccessError as error:
            if error.url.startswith(self.auth.base):
                raise self._no_access(error.url, "401") from error
            raise

    def _no_access(self, url: str, shown: str) -> AccessError:
        host = self.where.partition("/")[0]
        return AccessError(
            url,
            f"access refused ({shown})",
            resolution=f"Log in with `podman login {host}` or `docker login {host}`, and check "
            "that this user may do it. A registry answers so for unknown names, too.",
            details=(self.where,),
        )


class _Heard:
    """A sink that tells of what goes into it."""

    def __init__(self, sink: Sink, told: Callable[[int], None]) -> None:
        self._sink = sink
        self._told = told
        self.restart = sink.restart

    @property
    def position(self) -> int:
        return self._sink.position

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._told(len(data))


def manifest_type(
    document: dict[str, Any], header: str, hostile: Callable[[str], HostileInputError]
) -> str:
    """The media type of a manifest, which header, field and shape must agree on: a document that
    reads as two things (CVE-2021-41190) is refused.
    """
    header = header.partition(";")[0].strip().lower()
    named = document.get("mediaType")
    known = (*_INDEXES, *_MANIFESTS)
    kind = named if named is not None else header
    if kind not in known:
        raise hostile(f"{str(kind)[:100]!r}, which is no manifest that neve reads")
    if header in known and header != kind:
        raise hostile(f"a {header} that says it is a {kind}")
    wrong = ("manifests",) if kind in _MANIFESTS else ("layers", "config")
    if any(key in document for key in wrong):
        raise hostile("a manifest that is an index, too")
    return str(kind)


def _digest(text: str | None) -> Digest | None:
    try:
        found = Digest.parse(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.algorithm in ("sha256", "sha512") else None


def _codes(body: bytes) -> str:
    """The error codes of an answer. Its sentences are not shown: a server may repeat a secret."""
    try:
        rows = json.loads(body)["errors"]
        codes = [row["code"] for row in rows[:3]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return ", ".join(code for code in codes if isinstance(code, str) and _CODE.fullmatch(code))
