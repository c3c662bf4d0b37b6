"""A comparison as text and Markdown: what got worse comes first, whatever the numbers say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from neve.report.compare_vulnerabilities import vulnerability_section
from neve.report.sections import Row, Section, limited, sections_markdown, sections_text
from neve.report.surface import (
    count_text,
    part_title,
    reduction_text,
    share_text,
    unjudged_sections,
)
from neve.report.table import Column

if TYPE_CHECKING:
    from neve.verbs.compare import CompareResult
    from neve.verbs.comparing import Difference, Worse
    from neve.verbs.diff import Changed

_MOST_APPEARED = 8
_MOST_PACKAGES = 40
_MOST_GONE = 12


def letter(index: int) -> str:
    """The short name of the baseline at ``index``: A, B … Z, AA …"""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def compare_text(result: CompareResult, width: int) -> str:
    """The comparison for a terminal."""
    return sections_text(compare_sections(result), width)


def compare_markdown(result: CompareResult) -> str:
    """The comparison as GitHub-flavoured Markdown."""
    return sections_markdown(compare_sections(result))


def compare_sections(result: CompareResult) -> Iterator[Section]:
    """What got worse, the images, all parts, the reduction, then what changed in each."""
    yield from worse_sections(result)
    yield _images(result)
    yield _parts(result)
    names = [*(_before(result, number) for number in range(len(result.differences))), "after"]
    vulnerabilities = vulnerability_section(result, names)
    if vulnerabilities is not None:
        yield vulnerabilities
    for image in result.images:
        yield from unjudged_sections(image.image, image.unjudged)
    for number, item in enumerate(result.differences):
        yield from _changes(item, _against(result, number))


def _against(result: CompareResult, number: int) -> str:
    """`` (against A)`` where there are several baselines."""
    return f" (against {letter(number)})" if len(result.differences) > 1 else ""


def worse_sections(result: CompareResult) -> Iterator[Section]:
    """What grew or newly appeared, a section a baseline; one that says so where nothing did."""
    for number, item in enumerate(result.differences):
        title = f"worse than {item.baseline}"
        if not item.worse:
            yield Section(title=title, notes=("nothing",))
            continue
        yield Section(
            title=f"{title}{_against(result, number)}",
            columns=(
                Column(title="part"),
                Column(title="before", number=True),
                Column(title="after", number=True),
                Column(title="new", shrink=True),
            ),
            rows=tuple(_worse_row(row) for row in item.worse),
            plain=frozenset((0, 1, 2)),
        )


def _worse_row(row: Worse) -> Row:
    shown = ", ".join(row.appeared[:_MOST_APPEARED])
    more = len(row.appeared) - _MOST_APPEARED
    return (
        part_title(row.part),
        count_text(row.part, row.before),
        count_text(row.part, row.after),
        shown + (f" … and {more:,} more" if more > 0 else ""),
    )


def _images(result: CompareResult) -> Section:
    last = len(result.images) - 1
    return Section(
        title="images",
        columns=(
            Column(title=""),
            Column(title="image", shrink=True),
            Column(title="distribution", shrink=True),
            Column(title="runs as", shrink=True),
            Column(title="platform", spare=True),
            Column(title="not judged", number=True),
        ),
        rows=tuple(
            (
                "after" if number == last else _before(result, number),
                image.image,
                image.distribution,
                image.user,
                image.platform,
                f"{len(image.unjudged):,}",
            )
            for number, image in enumerate(result.images)
        ),
        plain=frozenset((0,)),
    )


def _before(result: CompareResult, number: int) -> str:
    return letter(number) if len(result.differences) > 1 else "before"


def _parts(result: CompareResult) -> Section:
    several = len(result.differences) > 1
    names = [_before(result, number) for number in range(len(result.differences))]
    columns = [Column(title="attack surface")]
    columns += [Column(title=name, number=True) for name in (*names, "after")]
    columns += [
        Column(title=f"against {name}" if several else "change", number=True) for name in names
    ]
    rows = [
        (
            part_title(row.part) + (" *" if row.reduced else ""),
            *(count_text(row.part, count) for count in row.counts),
            *(share_text(share) for share in row.shares),
        )
        for row in result.parts
    ]
    reductions = [reduction_text(item.reduction) for item in result.differences]
    rows.append(("attack-surface reduction", *[""] * len(result.images), *reductions))
    return Section(
        title="",
        columns=tuple(columns),
        rows=tuple(rows),
        plain=frozenset(range(len(columns))),
        notes=("* averaged by the reduction: the mean of 1 − after/before where before is not 0",),
    )


def _changes(item: Difference, against: str) -> Iterator[Section]:
    yield from _table(f"packages{against}", package_rows(item), _MOST_PACKAGES)
    for title, changed in (
        ("accounts", item.accounts),
        ("ports", item.ports),
        ("services", item.services),
        ("configuration", item.configuration),
    ):
        yield from _table(f"{title}{against}", changed_rows(changed), _MOST_PACKAGES)
    gone = [
        (part_title(row.part), f"{len(row.subjects):,}", _few(row.subjects)) for row in item.gone
    ]
    if gone:
        yield Section(
            title=f"gone{against}",
            columns=(
                Column(title="part"),
                Column(title="gone", number=True),
                Column(title="such as", shrink=True),
            ),
            rows=tuple(gone),
            plain=frozenset((0, 1)),
        )


def _few(subjects: Sequence[str]) -> str:
    return ", ".join(subjects[:_MOST_GONE]) + (" …" if len(subjects) > _MOST_GONE else "")


def package_rows(item: Difference) -> list[Row]:
    """Rows of packages, what is new first."""
    return _sorted(
        (mark(row.before, row.after), f"{row.type.value} {row.name}", row.before or "",
         row.after or "")
        for row in item.packages
    )  # fmt: skip


def changed_rows(changed: Iterable[Changed]) -> list[Row]:
    """Rows of what came, went or changed, what is new first."""
    rows = [
        (mark(row.before, row.after), row.name, row.before or "", row.after or "")
        for row in changed
    ]
    return _sorted(rows)


_MARKS = ("new", "changed", "gone")


def mark(before: object | None, after: object | None) -> str:
    """What became of a thing, in a word."""
    if before is None:
        return "new"
    return "gone" if after is None else "changed"


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: _MARKS.index(row[0]))


def _table(title: str, rows: Sequence[Row], most: int) -> Iterator[Section]:
    if not rows:
        return
    kept, more = limited(rows, most)
    counts = ((word, sum(1 for row in rows if row[0] == word)) for word in _MARKS)
    total = ", ".join(f"{count:,} {word}" for word, count in counts if count)
    yield Section(
        title=f"{title}: {total}",
        columns=(
            Column(title=""),
            Column(title="what", shrink=True),
            Column(title="before", shrink=True),
            Column(title="after", shrink=True),
        ),
        rows=kept,
        more=more,
        plain=frozenset((0,)),
    )
