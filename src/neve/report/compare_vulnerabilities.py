"""Known vulnerabilities in a comparison: a table of states, apart from the attack surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neve.report.html import Markup, tag
from neve.report.table import Column
from neve.vulns.types import Level, State

if TYPE_CHECKING:
    from neve.report.sections import Section
    from neve.verbs.compare import CompareResult
    from neve.verbs.compare_vulnerabilities import ComparedVulnerabilities

TITLE = "known vulnerabilities, which no reduction counts"
_ORDER = (
    State.FIX_AVAILABLE,
    State.OPEN,
    State.END_OF_LIFE,
    State.DEFERRED,
    State.IGNORED,
    State.UNDETERMINED,
    State.UNIMPORTANT,
)
_GRAVE = (Level.CRITICAL, Level.HIGH)


def vulnerability_section(result: CompareResult, names: Sequence[str]) -> Section | None:
    """A row a state, a column an image (called as in ``names``); ``None`` where nobody asked."""
    from neve.report.sections import Section

    if not result.vulnerabilities:
        return None
    return Section(
        title=TITLE,
        columns=(Column(title="state"), *(Column(title=name, number=True) for name in names)),
        rows=tuple(_rows(result.vulnerabilities)),
        plain=frozenset(range(len(names) + 1)),
        notes=tuple(_notes(result.vulnerabilities)),
    )


def vulnerability_html(result: CompareResult, names: Sequence[str]) -> Markup | None:
    """The same for a page."""
    if not result.vulnerabilities:
        return None
    head = [tag("th", "state", scope="col")]
    head += [tag("th", name, scope="col", class_="number-cell") for name in names]
    rows = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            [tag("td", cell, class_="number-cell") for cell in row[1:]],
        )
        for row in _rows(result.vulnerabilities)
    ]
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", rows))
    return tag(
        "section",
        tag("h2", "Known vulnerabilities"),
        tag("p", "They stand beside the attack surface: no reduction counts them.", class_="soft"),
        tag("div", table, class_="wide") if rows else None,
        [tag("p", note, class_="soft") for note in _notes(result.vulnerabilities)],
    )


def _rows(images: Sequence[ComparedVulnerabilities]) -> list[tuple[str, ...]]:
    if not any(image.judged for image in images):
        return []
    rows = [
        (state.value, *(_cell(image, state) for image in images))
        for state in _ORDER
        if any(image.count(state) for image in images)
    ]
    unjudged = (str(image.not_judged) if image.judged else "all" for image in images)
    return [*rows, ("packages not judged", *unjudged)]


def _cell(image: ComparedVulnerabilities, state: State) -> str:
    if not image.judged:
        return "not known"
    grave = image.count(state, *_GRAVE)
    return f"{image.count(state)}" + (f" ({grave} high or critical)" if grave else "")


def _notes(images: Sequence[ComparedVulnerabilities]) -> list[str]:
    """What is not known, once for all images of which it is so."""
    why: dict[str, list[str]] = {}
    for image in images:
        if image.unknown:
            why.setdefault(image.unknown, []).append(image.image)
    if len(why) == 1 and len(images) == len(next(iter(why.values()))):
        return list(why)
    return [f"{', '.join(names)}: {text}" for text, names in why.items()]
