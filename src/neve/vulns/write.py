"""Writing the index: new feeds are read, unchanged ones copied, the file replaced as a whole.

The same feeds give the same rows in the same order, whatever was there before. A feed that can't
be read leaves the old one as it was.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType

from neve.errors import StoreError, UsageError
from neve.vulns.feeds.reports import to_row
from neve.vulns.index import FORMAT, pack, pack_text
from neve.vulns.records import (
    Archived,
    Claim,
    Dated,
    Estimate,
    Exploit,
    Item,
    Rating,
    Record,
    Scope,
    Unread,
    VexStatement,
)
from neve.vulns.types import ImportedReport

_SHOWN_UNREAD = 200
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE feed (name TEXT PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL,
  entries INTEGER NOT NULL, unread INTEGER NOT NULL, fetched INTEGER NOT NULL, data_time INTEGER,
  sha256 TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT, modified TEXT, failure TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE scope (ecosystem TEXT, feed TEXT, PRIMARY KEY (ecosystem, feed)) WITHOUT ROWID;
CREATE TABLE claim (ecosystem TEXT, name TEXT, feed TEXT, body BLOB NOT NULL,
  PRIMARY KEY (ecosystem, name, feed)) WITHOUT ROWID;
CREATE TABLE record (feed TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (feed, id)) WITHOUT ROWID;
CREATE TABLE archived (ecosystem TEXT, name TEXT, feed TEXT, body TEXT NOT NULL,
  PRIMARY KEY (ecosystem, name, feed)) WITHOUT ROWID;
CREATE TABLE exploited (cve TEXT PRIMARY KEY, feed TEXT, added TEXT, due TEXT, ransomware INTEGER)
  WITHOUT ROWID;
CREATE TABLE estimate (cve TEXT PRIMARY KEY, feed TEXT, score REAL, percentile REAL) WITHOUT ROWID;
CREATE TABLE rating (cve TEXT PRIMARY KEY, feed TEXT, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE vex (name TEXT, feed TEXT, number INTEGER, body BLOB,
  PRIMARY KEY (name, feed, number)) WITHOUT ROWID;
CREATE TABLE report (feed TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE report_digest (digest TEXT, feed TEXT, PRIMARY KEY (digest, feed)) WITHOUT ROWID;
CREATE TABLE unread (feed TEXT, number INTEGER, record TEXT, reason TEXT,
  PRIMARY KEY (feed, number)) WITHOUT ROWID;
"""
_TABLES = {
    "scope": "ecosystem, feed",
    "claim": "ecosystem, name, feed",
    "record": "feed, id",
    "archived": "ecosystem, name, feed",
    "exploited": "cve, feed",
    "estimate": "cve, feed",
    "rating": "cve, feed",
    "vex": "name, feed, number",
    "report": "feed",
    "report_digest": "digest, feed",
    "unread": "feed, number",
}
"""Every table that belongs to feeds, and the order its rows are written in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A feed that is to be written: what `FeedState` says of it, and its items.

    ``fetched`` in seconds since 1970, ``fallback_time`` when the data was made if the feed itself
    does not say.
    """

    name: str
    kind: str
    source: str
    fetched: int
    sha256: str
    size: int
    items: Iterable[Item]
    etag: str | None = None
    modified: str | None = None
    fallback_time: int | None = None


@dataclass(slots=True)
class Count:
    """What reading a feed gave: things understood, records that were not, when it was made."""

    entries: int = 0
    unread: int = 0
    time: int | None = None


Check = Callable[[Count], None]
"""Looks at a feed that was read; raises to keep the old one."""


class IndexWriter:
    """A new index beside the old one; `commit` puts it in the old one's place.

    A context manager: what was not committed is thrown away. ``add`` may raise for a feed that
    can't be understood: nothing of it stays, and the old version of it is kept.
    """

    def __init__(self, path: Path, *, old: bool) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            os.close(handle)
        except OSError as error:
            raise _refused(path, error) from error
        self._temporary = Path(name)
        self._replaced: set[str] = set()
        self._notes: dict[str, tuple[int | None, str]] = {}
        with _guarded(path):
            self._connection = sqlite3.connect(name, isolation_level=None)
            self._begin(old=old)

    def _begin(self, *, old: bool) -> None:
        run = self._connection.execute
        for pragma in ("page_size=4096", "journal_mode=MEMORY", "synchronous=OFF"):
            run(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)
        run("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
        for table in ("feed", *_TABLES):
            run(f"CREATE TEMP TABLE new_{table} AS SELECT * FROM main.{table}")  # noqa: S608 - own names
        run("CREATE TEMP TABLE stage (ecosystem, name, record, number, body)")
        if old:
            address = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
            run("ATTACH ? AS old", (address,))
        else:
            run("ATTACH ':memory:' AS old")
            self._connection.executescript(_SCHEMA.replace("CREATE TABLE ", "CREATE TABLE old."))

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._temporary.unlink(missing_ok=True)

    def add(self, arrival: Arrival, check: Check | None = None) -> Count:
        """Read a feed in place of the one of that name; what was counted."""
        if arrival.name in self._replaced:
            raise UsageError(
                f"two of the files are the feed {arrival.name}",
                resolution="Import the one that is wanted; the later would replace the earlier.",
            )
        with _guarded(self._path):
            self._connection.execute("BEGIN")
            try:
                count = _Taking(self._connection, arrival).take()
                if check is not None:
                    check(count)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        self._replaced.add(arrival.name)
        return count

    def note(self, name: str, *, fetched: int | None = None, failure: str = "") -> None:
        """Of a feed that stays: its source confirmed it at ``fetched``, or what went wrong."""
        self._notes[name] = (fetched, failure)

    def remove(self, name: str) -> None:
        """Leave the feed out of the new index."""
        self._replaced.add(name)

    def commit(self) -> None:
        """Write everything in its order, flush it to the disk, and replace the old index."""
        run = self._connection.execute
        with _guarded(self._path):
            run("CREATE TEMP TABLE gone (name PRIMARY KEY)")
            run("BEGIN")
            self._connection.executemany(
                "INSERT INTO gone VALUES (?)", [(name,) for name in sorted(self._replaced)]
            )
            for table, order in _TABLES.items():
                rows = (
                    f"SELECT * FROM new_{table} UNION ALL"  # noqa: S608 - own names
                    f" SELECT * FROM old.{table} WHERE feed NOT IN gone"
                )
                run(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM ({rows}) ORDER BY {order}")  # noqa: S608 - own names
            run(
                "INSERT INTO main.feed SELECT * FROM (SELECT * FROM new_feed UNION ALL"
                " SELECT * FROM old.feed WHERE name NOT IN gone) ORDER BY name"
            )
            for name, (fetched, failure) in self._notes.items():
                run(
                    "UPDATE main.feed SET failure=?, fetched=coalesce(?, fetched) WHERE name=?",
                    (failure, fetched, name),
                )
            run("COMMIT")
            run("DETACH old")
            self._connection.close()
        self._replace()

    def _replace(self) -> None:
        try:
            with self._temporary.open("rb+") as file:
                os.fsync(file.fileno())
            self._temporary.chmod(0o644)
            self._temporary.replace(self._path)
        except OSError as error:
            raise _refused(self._path, error) from error


class _Taking:
    """One feed on its way into the temporary tables."""

    def __init__(self, connection: sqlite3.Connection, arrival: Arrival) -> None:
        self._run = connection.execute
        self._arrival = arrival
        self._feed = arrival.name
        self._count = Count()
        self._number = 0

    def take(self) -> Count:
        """Read all items, then fold a package's claims into one row."""
        for item in self._arrival.items:
            self._take(item)
        self._fold()
        count, arrival = self._count, self._arrival
        if count.time is None:
            count.time = arrival.fallback_time
        self._insert(
            "feed",
            arrival.name,
            arrival.kind,
            arrival.source,
            count.entries,
            count.unread,
            arrival.fetched,
            count.time,
            arrival.sha256,
            arrival.size,
            arrival.etag,
            arrival.modified,
            "",
        )
        return count

    def _insert(self, table: str, *values: object) -> None:
        marks = ",".join("?" * len(values))
        self._run(f"INSERT INTO temp.new_{table} VALUES ({marks})", values)  # noqa: S608 - own names

    def _take(self, item: Item) -> None:
        feed = self._feed
        self._number += 1
        match item:
            case Claim():
                body = json.dumps(item.to_row(), ensure_ascii=False, separators=(",", ":"))
                self._run(
                    "INSERT INTO temp.stage VALUES (?,?,?,?,?)",
                    (item.ecosystem, item.name, item.record, self._number, body),
                )
            case Record():
                self._insert("record", feed, item.id, pack(item.to_row()))
                return
            case Scope():
                self._insert("scope", item.ecosystem, feed)
                return
            case Archived() | Dated():
                self._take_beside(item)
                return
            case Exploit() | Estimate() | Rating():
                self._take_word(item)
            case VexStatement():
                packed = pack(asdict(item))
                for name in dict.fromkeys((item.vulnerability, *item.aliases)):
                    self._insert("vex", name, feed, self._number, packed)
            case ImportedReport():
                self._insert("report", feed, pack(to_row(item)))
                for digest in dict.fromkeys(item.digests):
                    self._insert("report_digest", digest, feed)
                # A report that found nothing is one entry: of a clean image, no empty feed.
                self._count.entries += max(len(item.findings), 1) - 1
            case Unread():
                self._count.unread += 1
                if self._count.unread <= _SHOWN_UNREAD:
                    self._insert("unread", feed, self._count.unread, item.record, item.reason)
                return
        self._count.entries += 1

    def _take_beside(self, item: Archived | Dated) -> None:
        """What stands beside the entries and is none."""
        if isinstance(item, Dated):
            self._count.time = max(self._count.time or 0, item.time)
        else:
            versions = " ".join(item.versions)
            self._insert("archived", item.ecosystem, item.name, self._feed, versions)

    def _take_word(self, item: Exploit | Estimate | Rating) -> None:
        """What one feed says of a CVE in general."""
        feed = self._feed
        match item:
            case Exploit():
                self._insert("exploited", item.cve, feed, item.added, item.due, item.ransomware)
            case Estimate():
                self._insert("estimate", item.cve, feed, item.score, item.percentile)
            case Rating():
                self._insert("rating", item.cve, feed, pack(item.ratings))

    def _fold(self) -> None:
        rows = self._run(
            "SELECT ecosystem, name, body FROM temp.stage ORDER BY ecosystem, name, record, number"
        )
        for (ecosystem, name), group in groupby(rows, key=lambda row: (row[0], row[1])):
            text = "[" + ",".join(dict.fromkeys(body for _, _, body in group)) + "]"
            self._insert("claim", ecosystem, name, self._feed, pack_text(text))
        self._run("DELETE FROM temp.stage")


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: could not be written ({error})",
            resolution="Check free space and permissions; a damaged old index: remove it, then "
            "run `neve db update`.",
        ) from error


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: could not be written ({error.strerror})",
        resolution="Check permissions and free space; the old index, if any, is unharmed.",
    )
