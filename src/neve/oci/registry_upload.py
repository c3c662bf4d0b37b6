"""Blobs into a registry: mounted, in one piece, or going on where a transfer broke off.

Source: distribution-spec 1.1, "Pushing blobs". A blob is read from its beginning each time, so
that what was sent is known to be what its digest names, whatever happened on the way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import BinaryIO
from urllib.parse import urlencode

from neve.errors import TrustError
from neve.net import Answer, NetworkError
from neve.net.addresses import redirected
from neve.oci.manifest import Descriptor
from neve.oci.repository import Repository

_BLOCK = 256 << 10
_PIECE = 8 << 20
_MOST_PIECE = 1 << 30
_ATTEMPTS = 5
_MOST_ROUNDS = 200
_RANGE = re.compile(r"(?:bytes[= ])?0-([0-9]{1,15})")
_AGAIN = (404, 408, 416, 425, 429)
"""Answers after which the upload is looked at again: it went, or stands elsewhere."""


class Sent(StrEnum):
    """What it took for a blob to be in the registry."""

    PRESENT = "present"
    MOUNTED = "mounted"
    UPLOADED = "uploaded"


def upload(
    repository: Repository,
    blob: Descriptor,
    opened: Callable[[], BinaryIO],
    *,
    mount_from: str | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Sent:
    """See to it that ``repository`` holds ``blob``, whose bytes ``opened`` gives each time.

    ``mount_from`` is a repository of the same registry that holds it already. Raises
    ``TrustError`` where the bytes are not what the digest names, ``NetworkError`` where the
    registry gives up.
    """
    if repository.has_blob(blob.digest):
        return Sent.PRESENT
    return _Upload(repository, blob, opened, told).run(mount_from)


class _Upload:
    """One blob on its way. ``_offset`` bytes are in the registry under ``_location``."""

    def __init__(
        self,
        repository: Repository,
        blob: Descriptor,
        opened: Callable[[], BinaryIO],
        told: Callable[[int], None],
    ) -> None:
        self._repository = repository
        self._blob = blob
        self._opened = opened
        self._told = told
        self._location = ""
        self._offset = 0
        self._in_pieces = False
        self._piece = _PIECE
        self._counted = 0

    def run(self, mount_from: str | None) -> Sent:
        failures = furthest = 0
        for _ in range(_MOST_ROUNDS):
            wait = None
            try:
                if not self._location and self._begin(mount_from):
                    return Sent.MOUNTED
                if self._send():
                    return Sent.UPLOADED
            except NetworkError as error:
                if failures + 1 >= _ATTEMPTS or not error.passing:
                    raise
                wait = error.retry_after
            mount_from = None
            failures += 1
            if failures >= _ATTEMPTS:
                break
            self._repository.client.back_off(failures, wait)
            self._look()
            if self._offset > furthest:
                furthest, failures = self._offset, 0
        raise self._gave_up()

    def _begin(self, mount_from: str | None) -> bool:
        """Open an upload; ``True`` where the registry mounted the blob instead."""
        query = ""
        if mount_from is not None:
            query = "?" + urlencode({"mount": str(self._blob.digest), "from": mount_from})
        answer = self._ask("POST", f"blobs/uploads/{query}", source=mount_from)
        self._offset = 0
        if answer.status == 201 and mount_from is not None:
            return True
        self._repository.expect(answer, 202, what=self._name)
        least = answer.headers.get("oci-chunk-min-length", "")
        if least.isdigit() and int(least[:15]) > self._piece:
            self._piece = min(int(least[:15]), _MOST_PIECE)
        self._follow(answer)
        return False

    def _send(self) -> bool:
        """Send what is missing; ``False`` where it has to be looked at again."""
        digest = urlencode({"digest": str(self._blob.digest)})
        if self._offset == 0 and not self._in_pieces:
            answer = self._ask("PUT", self._with(digest), start=0, end=self._blob.size)
            if answer.status == 413:
                self._in_pieces, self._location = True, ""
                return False
            return self._done(answer)
        self._in_pieces = True
        while self._offset < self._blob.size:
            end = min(self._offset + self._piece, self._blob.size)
            answer = self._ask("PATCH", self._location, start=self._offset, end=end)
            if answer.status in _AGAIN:
                return False
            self._repository.expect(answer, 202, 204, what=self._name)
            self._offset = end
            self._follow(answer)
        return self._done(self._ask("PUT", self._with(digest)))

    def _done(self, answer: Answer) -> bool:
        if answer.status in _AGAIN:
            return False
        self._repository.expect(answer, 201, 204, what=self._name)
        claimed = answer.headers.get("docker-content-digest", str(self._blob.digest))
        if claimed.startswith("sha256:") and claimed != str(self._blob.digest):
            raise TrustError(
                f"{self._name}: the registry stored it under another digest",
                details=(f"sent {self._blob.digest}",),
                resolution="A proxy or the registry changes blobs; push past it.",
            )
        return True

    def _look(self) -> None:
        """Ask how much arrived; begin anew where that can't be known."""
        if not self._location:
            return
        location, self._location = self._location, ""
        try:
            answer = self._repository.ask("GET", location, action="push", attempts=2)
        except NetworkError:
            return
        match = _RANGE.fullmatch(answer.headers.get("range", ""))
        if answer.status not in (200, 202, 204) or match is None:
            return
        arrived = int(match[1]) + 1
        # "0-0" is one byte to some and none to others.
        if 1 < arrived <= self._blob.size:
            self._offset, self._location, self._in_pieces = arrived, location, True
            self._follow(answer)

    def _follow(self, answer: Answer) -> None:
        """The place to go on with: no registry may send a blob from https to http."""
        location = answer.headers.get("location", "")
        if location or not self._location:
            self._location = redirected(answer.url, location)

    def _with(self, query: str) -> str:
        return f"{self._location}{'&' if '?' in self._location else '?'}{query}"

    def _ask(
        self, method: str, place: str, *, start: int = 0, end: int = 0, source: str | None = None
    ) -> Answer:
        headers = {"Content-Type": "application/octet-stream"} if end else {}
        if method == "PATCH":
            headers["Content-Range"] = f"{start}-{end - 1}"
        attempts = None if method == "POST" else 1
        return self._repository.ask(
            method,
            place,
            headers=headers,
            body=(lambda: self._bytes(start, end)) if end else b"",
            length=end - start,
            action="push",
            attempts=attempts,
            source=source,
        )

    def _bytes(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes ``start`` to ``end``; at the blob's end all of it has been held to its digest."""
        content = hashlib.new(self._blob.digest.algorithm, usedforsecurity=False)
        position = 0
        with self._opened() as file:
            while position < end:
                data = file.read(min(_BLOCK, end - position))
                if not data:
                    break
                content.update(data)
                position += len(data)
                fresh = data[max(0, start - (position - len(data))) :] if position > start else b""
                if position == self._blob.size and (
                    content.hexdigest() != self._blob.digest.value or file.read(1)
                ):
                    raise self._wrong()
                if fresh:
                    yield fresh
                    self._count(position)
        if position < end:
            raise self._wrong()

    def _count(self, position: int) -> None:
        if position > self._counted:
            self._told(position - self._counted)
            self._counted = position

    @property
    def _name(self) -> str:
        return f"{self._repository.where}: {self._blob.digest}"

    def _wrong(self) -> TrustError:
        return TrustError(
            f"{self._blob.digest}: the blob does not have the content its name says",
            resolution="Fetch or export the image again; if it stays so, do not use it.",
        )

    def _gave_up(self) -> NetworkError:
        return NetworkError(
            self._repository.url("blobs/uploads/"),
            f"the upload of {self._blob.digest} failed again and again",
            resolution="Try again later: what arrived whole is not sent again.",
        )
