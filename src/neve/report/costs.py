"""What lines of a recipe cost, as text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from neve.report.table import Column, size_text, table, wrapped

if TYPE_CHECKING:
    from neve.verbs.add_cost import PricedEdit
    from neve.verbs.costs import Costs, LineCost
    from neve.verbs.costs_measure import Amount

_EXECUTABLES = "executables"
_NAMES = 3
_Show = Callable[[int], str]


def costs_text(costs: Costs, width: int) -> str:
    """A row a line, the dearest first, then what lines share and the whole image."""
    names = {one.line: _name(one) for one in costs.lines} | {"distribution": "every image"}
    priced = [one for one in costs.lines if one.alone is not None]
    priced.sort(key=lambda one: -((one.alone.kept or one.alone.download) if one.alone else 0))
    rows = [
        [_name(one), *_cells(one.alone), _shared(one, names)]
        for one in priced
        if one.alone is not None
    ]
    rows.append(["shared, or in every image", *_cells(costs.shared), ""])
    rows.append(["the whole image", *_cells(costs.whole), ""])
    text = "what each line brings: what would go with it alone\n\n"
    text += table(_columns(costs), _without_silent(rows, costs), width=width)
    for one in costs.lines:
        if one.required:
            state = "not priced" if one.alone is None else "cannot go alone"
            where = f" ({one.place})" if one.place else ""
            text += wrapped(f"{state}: {_name(one)}{where}: {one.required}", width)
    if costs.vulnerabilities:
        text += wrapped(f"vulnerabilities: {costs.vulnerabilities}", width)
    return text


def priced_edit_text(result: PricedEdit, width: int) -> str:
    """The edit of the recipe, then the image before and after it."""
    text = result.edit.difference or f"{result.edit.summary}\n"
    columns = [
        Column(title="image"),
        Column(title="before", number=True),
        Column(title="after", number=True),
        Column(title="more", number=True),
    ]
    text += "\n" + table(columns, _amounts(result.before, result.after), width=width)
    for title, names in (("adds", result.added), ("takes away", result.removed)):
        if names:
            text += wrapped(f"{title} {', '.join(names)}", width)
    if result.vulnerabilities:
        text += wrapped(f"vulnerabilities: {result.vulnerabilities}", width)
    return text


def _amounts(before: Amount, after: Amount) -> list[list[str]]:
    """Rows of (what, before, after, more) for everything that was counted on both sides."""
    rows = [
        _row("packages", before.packages, after.packages, str),
        _row("download", before.download, after.download, size_text),
        _row("kept", before.kept, after.kept, size_text),
        _row("files", before.files, after.files, str),
    ]
    old, new = before.surface or {}, after.surface or {}
    rows += [_row(part, old[part], new[part], str) for part in old if part in new]
    rows.append(_row("vulnerabilities", before.vulnerabilities, after.vulnerabilities, str))
    return [row for row in rows if row]


def _row(name: str, before: int | None, after: int | None, show: _Show) -> list[str]:
    if before is None or after is None:
        return []
    return [name, show(before), show(after), _signed(after - before, show)]


def _signed(number: int, show: _Show) -> str:
    if number == 0:
        return ""
    return f"{'+' if number > 0 else '-'}{show(abs(number))}"


def _columns(costs: Costs) -> list[Column]:
    columns = [
        Column(title="line", shrink=True),
        Column(title="packages", number=True),
        Column(title="kept", number=True),
        Column(title="download", number=True, spare=True),
        Column(title="files", number=True, spare=True),
        Column(title="executables", number=True, spare=True),
        Column(title="other surface", shrink=True),
    ]
    if costs.whole.vulnerabilities is not None:
        columns.append(Column(title="vulnerabilities", number=True))
    return [*columns, Column(title="shared with", shrink=True)]


def _without_silent(rows: Sequence[Sequence[str]], costs: Costs) -> list[list[str]]:
    """Without the column of vulnerabilities where nobody judged them: a note says so."""
    if costs.whole.vulnerabilities is not None:
        return [list(row) for row in rows]
    return [[*row[:7], *row[8:]] for row in rows]


def _cells(amount: Amount) -> list[str]:
    surface = amount.surface
    return [
        str(amount.packages),
        _size(amount.kept),
        _size(amount.download),
        _count(amount.files),
        "" if surface is None else str(surface.get(_EXECUTABLES, 0)),
        "" if surface is None else _surface(surface),
        _count(amount.vulnerabilities),
    ]


def _surface(surface: Mapping[str, int]) -> str:
    others = ((part, count) for part, count in surface.items() if part != _EXECUTABLES and count)
    return ", ".join(f"{count} {part.replace('-', ' ')}" for part, count in others)


def _size(size: int | None) -> str:
    if size is None:
        return "?"
    return size_text(size) if size >= 0 else f"-{size_text(-size)}"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _name(one: LineCost) -> str:
    return one.line if one.kind in ("file", "service", "variant") else f"{one.what} ({one.line})"


def _shared(one: LineCost, names: Mapping[str, str]) -> str:
    """With whom it shares; the packages behind that are those it needs and does not take along."""
    if not one.shared_with or one.alone is None:
        return ""
    shown = [names[label].partition(" (")[0] for label in one.shared_with[:_NAMES]]
    more = len(one.shared_with) - len(shown)
    text = ", ".join(shown) + (f" and {more} more" if more else "")
    number = one.needs - one.alone.packages
    return f"{number} package{'' if number == 1 else 's'} with {text}"
