"""Bringing feeds into the index: from their sources, or from files.

Owns what protects the old data: a feed that can't be had, is damaged, goes back in time or loses
half of its entries leaves the old one in place, with the failure beside it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.errors import NeveError, ToolError, UsageError
from neve.net import Client, shown
from neve.vulns.bounded import FEED_LIMIT, Blob, inflated
from neve.vulns.index import Index, IndexMissingError
from neve.vulns.sniff import Format, recognise
from neve.vulns.sources import FeedSource
from neve.vulns.types import FeedState
from neve.vulns.write import Arrival, Check, Count, IndexWriter

_LEAST_SHARE = 0.5
"""A feed that shrinks below this share of its entries is taken for a cut one."""
_SMALL = 50
"""… unless it was as small as this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of one feed. ``outcome`` is ``new``, ``unchanged`` or ``failed``; ``cause`` is
    what went wrong, ``resolution`` what to do.
    """

    name: str
    source: str
    outcome: str
    entries: int = 0
    unread: int = 0
    cause: str = ""
    resolution: str = ""


Tell = Callable[[str], None]
"""Told the name of each feed as its turn comes."""


def update(
    path: Path,
    sources: Sequence[FeedSource],
    client: Client,
    *,
    now: int,
    tell: Tell = lambda _: None,
) -> tuple[Brought, ...]:
    """Fetch every source that changed into the index at ``path``; ``now`` in seconds since 1970.

    Failures are results, not errors: the other feeds are still brought in.
    """
    old = _old_feeds(path)
    found: list[Brought] = []
    with IndexWriter(path, old=old is not None) as writer:
        for source in sources:
            tell(source.name)
            try:
                brought = _fetch(path, source, client, writer, (old or {}).get(source.name), now)
            except NeveError as error:
                writer.note(source.name, failure=error.brief)
                brought = _failed(source.name, shown(source.url), error)
            found.append(brought)
        writer.commit()
    return tuple(found)


def bring_files(path: Path, files: Iterable[Path], *, now: int) -> tuple[Brought, ...]:
    """Read feeds from files into the index at ``path``: all of them, or nothing is changed.

    Raises ``UsageError`` for a file that is missing or no feed, ``HostileInputError`` for a
    damaged one.
    """
    old = _old_feeds(path)
    found: list[Brought] = []
    with IndexWriter(path, old=old is not None) as writer:
        for file in files:
            blob, made = _read(file)
            digest, size = hashlib.sha256(blob.data).hexdigest(), len(blob.data)
            blob = inflated(blob)
            form = recognise(blob)
            name = _free(form, {brought.name for brought in found})
            count = writer.add(
                Arrival(
                    name=name,
                    kind=form.kind,
                    source=f"file {file.name}",
                    fetched=now,
                    sha256=digest,
                    size=size,
                    items=form.read(blob),
                    fallback_time=min(made, now),
                ),
                _not_empty(name),
            )
            found.append(
                Brought(
                    name=name,
                    source=str(file),
                    outcome="new",
                    entries=count.entries,
                    unread=count.unread,
                )
            )
        writer.commit()
    return tuple(found)


def _free(form: Format, taken: set[str]) -> str:
    """The feed's name; some publishers give one ``@id`` to several VEX documents: each is kept."""
    if form.kind != "openvex":
        return form.name
    numbers = itertools.count(2)
    name = form.name
    while name in taken:
        name = f"{form.name}-{next(numbers)}"
    return name


def feed_states(path: Path) -> tuple[FeedState, ...]:
    """The feeds of the index at ``path``; none where there is no index."""
    found = _old_feeds(path)
    return tuple(found[name] for name in sorted(found)) if found else ()


def _old_feeds(path: Path) -> dict[str, FeedState] | None:
    try:
        with Index.open(path) as index:
            return {feed.name: feed for feed in index.feeds}
    except IndexMissingError:
        return None


def _fetch(
    path: Path,
    source: FeedSource,
    client: Client,
    writer: IndexWriter,
    old: FeedState | None,
    now: int,
) -> Brought:
    etag, modified = _validators(path, old, source)
    fetched = client.get_if_changed(source.url, limit=source.limit, etag=etag, modified=modified)
    digest = hashlib.sha256(fetched.body).hexdigest() if fetched is not None else ""
    if old is not None and (fetched is None or digest == old.sha256):
        writer.note(source.name, fetched=now)
        return _brought(source, "unchanged", old.entries, old.unread)
    if fetched is None:
        raise ToolError(
            f"{source.name}: its server says that nothing changed, and there is nothing yet",
            resolution="Try again later, or give another address under feed_sources.",
        )
    blob = inflated(Blob(name=source.name, data=fetched.body))
    form = _recognised(blob, source)
    count = writer.add(
        Arrival(
            name=source.name,
            kind=form.kind,
            source=shown(source.url),
            fetched=now,
            sha256=digest,
            size=len(fetched.body),
            items=form.read(blob),
            etag=fetched.etag,
            modified=fetched.modified,
        ),
        _sane(source.name, old, form.kind),
    )
    return _brought(source, "new", count.entries, count.unread)


def _brought(source: FeedSource, outcome: str, entries: int, unread: int) -> Brought:
    return Brought(
        name=source.name,
        source=shown(source.url),
        outcome=outcome,
        entries=entries,
        unread=unread,
    )


def _recognised(blob: Blob, source: FeedSource) -> Format:
    try:
        return recognise(blob)
    except UsageError as error:
        raise ToolError(
            f"{source.name}: {shown(source.url)} sent something that is no feed",
            resolution="A proxy's page, perhaps: open the address, or import the feed from a file.",
            details=(error.brief,),
        ) from error


def _validators(
    path: Path, old: FeedState | None, source: FeedSource
) -> tuple[str | None, str | None]:
    """Those of the last answer, if it came from the same address."""
    if old is None or old.source != shown(source.url):
        return None, None
    with Index.open(path) as index:
        return index.validators(source.name)


def _sane(name: str, old: FeedState | None, kind: str) -> Check:
    """Refuse what an honest source does not send after what it sent before."""

    def check(count: Count) -> None:
        _not_empty(name)(count)
        if old is None:
            return
        if old.kind != kind:
            raise _refused(name, f"was {old.kind} and now is {kind}")
        if old.entries > _SMALL and count.entries < old.entries * _LEAST_SHARE:
            raise _refused(name, f"shrank from {old.entries} to {count.entries} entries")
        if old.data_time is not None and count.time is not None and count.time < old.data_time:
            raise _refused(name, "is older than what is here")

    return check


def _not_empty(name: str) -> Check:
    def check(count: Count) -> None:
        if count.entries == 0:
            raise _refused(name, f"holds nothing that neve understands ({count.unread} not read)")

    return check


def _refused(name: str, why: str) -> ToolError:
    return ToolError(
        f"{name}: the feed {why}; the old one stays",
        resolution="Look at the source. If it is right, bring it in with `neve db import FILE`.",
    )


def _failed(name: str, url: str, error: NeveError) -> Brought:
    return Brought(
        name=name,
        source=url,
        outcome="failed",
        cause=error.brief,
        resolution=error.resolution,
    )


def _read(file: Path) -> tuple[Blob, int]:
    try:
        with file.open("rb") as opened:
            data = opened.read(FEED_LIMIT + 1)
        made = int(file.stat().st_mtime)
    except OSError as error:
        raise UsageError(
            f"{file}: can't be read ({error.strerror or error})",
            resolution="Give files that `neve db import` can read; several at once are fine.",
        ) from error
    if len(data) > FEED_LIMIT:
        raise UsageError(
            f"{file}: is larger than any feed ({FEED_LIMIT} bytes)",
            resolution="Give the feed's own file, or an archive of one ecosystem.",
        )
    return Blob(name=file.name, data=data), made
