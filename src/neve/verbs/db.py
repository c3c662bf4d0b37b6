"""``neve db``: the local index of known vulnerabilities, brought up to date and looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from neve.errors import StoreError
from neve.store.locks import FileLock
from neve.verbs.context import Workspace
from neve.verbs.settings import Settings
from neve.vulns.freshness import Freshness, freshness_of
from neve.vulns.index import INDEX_NAME, Index
from neve.vulns.sources import DEFAULT_GROUPS, FeedSource, chosen
from neve.vulns.types import FeedState
from neve.vulns.update import Brought, bring_files, feed_states, update

_LOCK_WAIT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRequest:
    """Which feeds or groups to fetch; none: those of the settings."""

    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Files to read feeds from; their formats are told from their content."""

    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """Which feeds or groups to look at; none: those of the settings and all that are there."""

    feeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DbChange:
    """What became of each feed, and where the index is; its size in bytes."""

    index: Path
    size: int
    feeds: tuple[Brought, ...]

    @property
    def complete(self) -> bool:
        """No feed failed."""
        return all(feed.outcome != "failed" for feed in self.feeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadRecord:
    """A record of a feed that could not be understood, and why."""

    record: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """One feed as it is today. Times as ``2026-11-01T12:00:00Z``, ``None`` where unknown;
    ``age`` in seconds since its source last confirmed it (a file: since its data was made).

    ``unread_records`` are the first of the ``unread`` that could not be understood.
    """

    name: str
    freshness: Freshness
    kind: str = ""
    source: str = ""
    entries: int = 0
    unread: int = 0
    data_time: str | None = None
    fetched: str | None = None
    age: int | None = None
    failure: str = ""
    unread_records: tuple[UnreadRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DbStatus:
    """Every feed that is there or should be, sorted; ``max_age`` in seconds, 0 for none."""

    index: Path
    size: int
    max_age: int
    feeds: tuple[FeedStatus, ...]

    @property
    def usable(self) -> bool:
        """Every feed that should be there is, and none is stale."""
        return all(feed.freshness is Freshness.FRESH for feed in self.feeds)


def index_path(settings: Settings, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the index is: the setting ``db``, else the user's data directory (XDG)."""
    if settings.db is not None:
        return settings.db / INDEX_NAME
    base = environment.get("XDG_DATA_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "neve" / "db" / INDEX_NAME


def open_index(settings: Settings) -> Index:
    """The index, to match against; ``IndexMissingError`` (exit 3) if there is none."""
    return Index.open(index_path(settings))


def update_feeds(request: UpdateRequest, workspace: Workspace) -> DbChange:
    """Fetch the feeds that changed. A feed that fails is in the result, its old data in place."""
    settings = workspace.settings
    sources = _wanted(request.feeds, settings)
    path = index_path(settings)
    workspace.progress.stage("feeds", len(sources))
    with _locked(path):
        brought = update(
            path,
            sources,
            workspace.client,
            now=workspace.clock,
            tell=lambda name: workspace.progress.advance(1, name),
        )
    return DbChange(index=path, size=path.stat().st_size, feeds=brought)


def import_files(request: ImportRequest, workspace: Workspace) -> DbChange:
    """Read feeds from files: all of them, or nothing changes."""
    path = index_path(workspace.settings)
    workspace.progress.stage("feeds")
    with _locked(path):
        brought = bring_files(path, request.files, now=workspace.clock)
    return DbChange(index=path, size=path.stat().st_size, feeds=brought)


def status_of_feeds(request: StatusRequest, workspace: Workspace) -> DbStatus:
    """Every feed: where it is from, what it holds, how old it is."""
    settings = workspace.settings
    path = index_path(settings)
    present = {feed.name: feed for feed in feed_states(path)}
    expected = {source.name for source in _wanted(request.feeds, settings)}
    names = expected if request.feeds else expected | set(present)
    unread = _unread(path, [name for name in names if name in present])
    feeds = tuple(
        _status(name, present.get(name), settings.max_feed_age, workspace.clock, unread)
        for name in sorted(names)
    )
    return DbStatus(
        index=path,
        size=path.stat().st_size if path.is_file() else 0,
        max_age=settings.max_feed_age,
        feeds=feeds,
    )


def _wanted(names: Sequence[str], settings: Settings) -> tuple[FeedSource, ...]:
    groups = names or settings.feeds or (*DEFAULT_GROUPS, *settings.feed_sources)
    return chosen(groups, settings.feed_sources)


def _status(
    name: str,
    feed: FeedState | None,
    limit: int,
    now: int,
    unread: Mapping[str, tuple[UnreadRecord, ...]],
) -> FeedStatus:
    if feed is None:
        return FeedStatus(name=name, freshness=Freshness.MISSING)
    return FeedStatus(
        name=name,
        freshness=freshness_of(feed, now=now, limit=limit),
        kind=feed.kind,
        source=feed.source,
        entries=feed.entries,
        unread=feed.unread,
        data_time=_moment(feed.data_time),
        fetched=_moment(feed.fetched),
        age=feed.age(now),
        failure=feed.failure,
        unread_records=unread.get(name, ()),
    )


def _unread(path: Path, names: Sequence[str]) -> dict[str, tuple[UnreadRecord, ...]]:
    if not names:
        return {}
    with Index.open(path) as index:
        return {
            name: tuple(
                UnreadRecord(record=item.record, reason=item.reason) for item in index.unread(name)
            )
            for name in names
        }


def _moment(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time: two would each leave out what the other brought."""
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = lock.acquire(timeout=_LOCK_WAIT)
    except OSError as error:
        raise StoreError(
            f"{path.parent}: can't be written ({error.strerror})",
            resolution="Check permissions, or set `db` to another directory.",
        ) from error
    if not taken:
        raise StoreError(
            f"{path}: another neve has been writing it for {_LOCK_WAIT:.0f} s",
            resolution="Wait for it or end it, then run the command again.",
        )
    try:
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink(missing_ok=True)  # of a writer that was killed
        yield
    finally:
        lock.release()
