"""``neve db`` as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neve.report.table import Column, size_text, table, wrapped

if TYPE_CHECKING:
    from neve.verbs.db import DbChange, DbStatus, FeedStatus

_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def change_text(result: DbChange, width: int) -> str:
    """One line a feed, then where the index is."""
    rows = [
        [feed.outcome, feed.name, str(feed.entries or ""), str(feed.unread or ""), feed.source]
        for feed in result.feeds
    ]
    columns = [
        Column(title=""),
        Column(title="feed"),
        Column(title="entries", number=True),
        Column(title="not read", number=True),
        Column(title="from", shrink=True, spare=True),
    ]
    text = table(columns, rows, width=width) + "\n"
    for feed in result.feeds:
        if feed.outcome == "failed":
            text += wrapped(f"FAILED {feed.name}: {feed.cause}", width)
            text += wrapped(f"  {feed.resolution}", width, indent=2)
    return text + f"{result.index} ({size_text(result.size)})\n"


def status_text(result: DbStatus, width: int) -> str:
    """One line a feed, then what is wrong with them."""
    rows = [
        [
            feed.freshness.value,
            feed.name,
            str(feed.entries or ""),
            str(feed.unread or ""),
            (feed.data_time or "")[:10],
            (feed.fetched or "")[:16].replace("T", " "),
            _age(feed.age),
            feed.source,
        ]
        for feed in result.feeds
    ]
    columns = [
        Column(title=""),
        Column(title="feed"),
        Column(title="entries", number=True),
        Column(title="not read", number=True),
        Column(title="data of"),
        Column(title="fetched", spare=True),
        Column(title="age", number=True),
        Column(title="from", shrink=True, spare=True),
    ]
    text = table(columns, rows, width=width) + "\n"
    for feed in result.feeds:
        text += _remarks(feed, width)
    limit = f"stale after {_age(result.max_age)}" if result.max_age else "never stale"
    return text + f"{result.index} ({size_text(result.size)}), feeds are {limit}\n"


def _remarks(feed: FeedStatus, width: int) -> str:
    text = ""
    if feed.failure:
        text += wrapped(f"{feed.name}: the last update failed: {feed.failure}", width)
    if feed.unread_records:
        first = feed.unread_records[0]
        rest = f", and {feed.unread - 1} more (--format json)" if feed.unread > 1 else ""
        line = f"{feed.name}: not understood: {first.record}: {first.reason}{rest}"
        text += wrapped(line, width)
    return text


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {word}"
    return f"{seconds} s"
