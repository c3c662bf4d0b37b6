"""Reading the local index: one SQLite file, opened read-only and mapped into memory.

docs/adr/0006-vulnerability-index.md says why it is that. ``write`` is the only writer; a file of
another `FORMAT` counts as missing, never as empty.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from neve.errors import StoreError, ToolError
from neve.vulns.records import Record, Unread, VexStatement
from neve.vulns.types import Exploitability, Exploited, FeedState, ImportedReport

FORMAT = 1
"""Raised whenever an older neve would read the file wrongly, or a newer one reads it no more."""
INDEX_NAME = "vulnerabilities.sqlite"
_AUTHORITIES = ("debian-tracker", "secdb")
_MAPPED = 4 << 30
_UPDATE = "Run `neve db update`, or `neve db import` where there is no network."


class IndexMissingError(ToolError):
    """There is no vulnerability index, or one of another format: nothing can be judged."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}", resolution=_UPDATE)


class Index:
    """The open index. Use as a context manager; not for several threads."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Index:
        """Open the index file; `IndexMissingError` if there is none, `StoreError` if damaged."""
        if not path.is_file():
            raise IndexMissingError(path, "no vulnerability index yet")
        try:
            # immutable: no locks, no journal. A writer replaces the file by a new one.
            address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            connection = sqlite3.connect(address, uri=True)
            connection.execute(f"PRAGMA mmap_size={_MAPPED}")
            found = connection.execute("SELECT value FROM meta WHERE key='format'").fetchone()
        except sqlite3.Error as error:
            raise _damaged(path, error) from error
        if found is None or found[0] != FORMAT:
            connection.close()
            raise IndexMissingError(path, "the vulnerability index has another neve's format")
        return cls(connection, path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _damaged(self.path, error) from error

    @cached_property
    def feeds(self) -> tuple[FeedState, ...]:
        """Every feed, by name."""
        rows = self._rows(
            "SELECT name, kind, source, entries, unread, fetched, data_time, sha256, size, failure"
            " FROM feed ORDER BY name"
        )
        names = ("name", "kind", "source", "entries", "unread", "fetched", "data_time", "sha256")
        return tuple(
            FeedState(**dict(zip((*names, "size", "failure"), row, strict=True)))  # type: ignore[arg-type]  # the writer's columns
            for row in rows
        )

    @cached_property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Ecosystem → the feeds that cover it."""
        found: dict[str, list[str]] = {}
        for ecosystem, feed in self._rows("SELECT ecosystem, feed FROM scope ORDER BY 1, 2"):
            found.setdefault(str(ecosystem), []).append(str(feed))
        return {ecosystem: tuple(feeds) for ecosystem, feeds in found.items()}

    def rows(self, ecosystem: str, name: str) -> Iterator[tuple[str, list[object]]]:
        """What every feed says of one package, feeds in order of their names: feed and the row
        of a claim (`Claim.from_row`).
        """
        rows = self._rows(
            "SELECT feed, body FROM claim WHERE ecosystem=? AND name=? ORDER BY feed",
            ecosystem,
            name,
        )
        for feed, body in rows:
            for row in self._decoded(body):
                yield str(feed), row

    def knows(self, ecosystem: str, name: str) -> bool:
        """Whether any feed says anything of the package there."""
        query = "SELECT 1 FROM claim WHERE ecosystem=? AND name=? LIMIT 1"
        return bool(self._rows(query, ecosystem, name))

    def archived(self, ecosystem: str, name: str) -> tuple[str, ...]:
        """The versions that the release's own archives have, as far as a feed tells."""
        rows = self._rows("SELECT body FROM archived WHERE ecosystem=? AND name=?", ecosystem, name)
        return tuple(version for row in rows for version in str(row[0]).split())

    def record(self, feed: str, identifier: str) -> Record:
        """What the feed says of a vulnerability or advisory; a bare one if it says nothing."""
        rows = self._rows("SELECT body FROM record WHERE feed=? AND id=?", feed, identifier)
        return Record.from_row(identifier, self._decoded(rows[0][0]) if rows else [])

    def exploited(self, cve: str) -> Exploited | None:
        """What the KEV catalogue says."""
        rows = self._rows("SELECT added, due, ransomware FROM exploited WHERE cve=?", cve)
        if not rows:
            return None
        added, due, ransomware = rows[0]
        return Exploited(
            added=date.fromisoformat(str(added)),
            ransomware=bool(ransomware),
            due=date.fromisoformat(str(due)) if due else None,
        )

    def estimate(self, cve: str) -> Exploitability | None:
        """What EPSS says."""
        rows = self._rows("SELECT score, percentile FROM estimate WHERE cve=?", cve)
        if not rows:
            return None
        score, percentile = rows[0]
        return Exploitability(score=score, percentile=percentile)  # type: ignore[arg-type]  # REAL columns

    def ratings(self, cve: str) -> tuple[tuple[str, str], ...]:
        """CVSS vectors of a CVE as (who, vector)."""
        rows = self._rows("SELECT body FROM rating WHERE cve=?", cve)
        return tuple((who, vector) for who, vector in self._decoded(rows[0][0])) if rows else ()

    def statements(self, name: str) -> tuple[tuple[str, VexStatement], ...]:
        """Imported VEX statements about the vulnerability of this name, each with its feed."""
        if not self.has_vex:
            return ()
        rows = self._rows("SELECT feed, body FROM vex WHERE name=? ORDER BY feed, number", name)
        found = []
        for feed, body in rows:
            row = self._decoded(body)
            row["aliases"] = tuple(row["aliases"])
            row["products"] = tuple((name, tuple(parts)) for name, parts in row["products"])
            found.append((str(feed), VexStatement(**row)))
        return tuple(found)

    def spoken_of(self, name: str) -> bool:
        """Whether any VEX statement is about the vulnerability of this name."""
        if not self.has_vex:
            return False
        return bool(self._rows("SELECT 1 FROM vex WHERE name=? LIMIT 1", name))

    @cached_property
    def authorities(self) -> frozenset[str]:
        """The feeds that know every vulnerability of their release, and so decide the state."""
        return frozenset(feed.name for feed in self.feeds if feed.kind in _AUTHORITIES)

    @cached_property
    def has_vex(self) -> bool:
        """Whether any VEX document was imported."""
        return any(feed.kind == "openvex" for feed in self.feeds)

    def reports(self, digest: str) -> tuple[tuple[str, ImportedReport], ...]:
        """Other scanners' reports about the image with this digest, each with its feed."""
        from neve.vulns.feeds.reports import from_row

        rows = self._rows(
            "SELECT report.feed, report.body FROM report JOIN report_digest USING (feed)"
            " WHERE report_digest.digest=? ORDER BY report.feed",
            digest,
        )
        return tuple((str(feed), from_row(self._decoded(body))) for feed, body in rows)

    def unread(self, feed: str) -> tuple[Unread, ...]:
        """The first records of a feed that could not be understood, and why."""
        rows = self._rows("SELECT record, reason FROM unread WHERE feed=? ORDER BY number", feed)
        return tuple(Unread(record=str(record), reason=str(reason)) for record, reason in rows)

    def validators(self, feed: str) -> tuple[str | None, str | None]:
        """ETag and Last-Modified of the answer the feed was read from."""
        rows = self._rows("SELECT etag, modified FROM feed WHERE name=?", feed)
        return (rows[0][0], rows[0][1]) if rows else (None, None)  # type: ignore[return-value]  # TEXT columns

    def _decoded(self, body: object) -> Any:  # noqa: ANN401 - whatever JSON the writer packed
        try:
            return unpack(body)  # type: ignore[arg-type]  # BLOB column
        except (ValueError, TypeError, zlib.error) as error:
            raise _damaged(self.path, error) from error


def pack(value: object) -> bytes:
    """JSON as short as it gets, deflated where that pays."""
    return pack_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def pack_text(text: str) -> bytes:
    """`pack` for what is JSON already."""
    data = text.encode("utf-8", "surrogatepass")
    return zlib.compress(data, 9) if len(data) > 200 else data


def unpack(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The inverse of `pack`."""
    if data[:1] == b"x":
        data = zlib.decompress(data)
    return json.loads(data.decode("utf-8", "surrogatepass"))


def _damaged(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{path}: the vulnerability index is damaged ({error})",
        resolution="Remove the file, then run `neve db update` (or `neve db import`).",
    )
