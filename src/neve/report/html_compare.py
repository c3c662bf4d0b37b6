"""A comparison as one HTML page that needs nothing else: what a person shows in a meeting.

Composes; how things are drawn stands in ``html_charts`` and ``html_treemap``.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from neve.report.compare import letter
from neve.report.compare_vulnerabilities import vulnerability_html
from neve.report.html import Markup, joined, page, tag
from neve.report.html_changes import against_section, worse_section
from neve.report.html_charts import Bar, Group, bars, swatch
from neve.report.html_sizes import sizes_section
from neve.report.surface import (
    count_text,
    part_title,
    reduction_text,
    share_text,
)
from neve.surface import MEANING, REDUCED_PARTS, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neve.verbs.compare import ComparedPart, CompareResult
    from neve.verbs.comparing import Difference

_FACTS = (
    Part.PACKAGES,
    Part.EXECUTABLES,
    Part.SHELLS_AND_INTERPRETERS,
    Part.PRIVILEGED,
    Part.RUNS_AS_ROOT,
    Part.BYTES,
)
_MOST_UNJUDGED = 40
_AFTER = "after"


def compare_html(result: CompareResult) -> str:
    """The whole page; the same comparison gives the same bytes."""
    style = resources.files("neve.report").joinpath("templates/report.css").read_text("utf-8")
    body = tag(
        "main",
        _head(result),
        worse_section(result),
        _unjudged(result),
        _picture(result),
        _table(result),
        vulnerability_html(result, _names(result)),
        sizes_section(result),
        [against_section(result, number) for number in range(len(result.differences))],
        _foot(result),
    )
    return page(f"{result.after.image}: attack surface compared", style, body)


def _head(result: CompareResult) -> Markup:
    baselines = [item.image for item in result.images[:-1]]
    what = "against " + " and ".join(filter(None, (", ".join(baselines[:-1]), baselines[-1])))
    return tag(
        "header",
        tag("p", "neve · attack surface compared", class_="eyebrow"),
        tag("h1", result.after.image),
        tag("p", what, class_="soft"),
        tag("div", map(_card, result.differences), class_="cards"),
        _facts(result),
    )


def _card(item: Difference) -> Markup:
    worse = "number worse" if item.reduction is not None and item.reduction < 0 else "number"
    return tag(
        "div",
        tag("p", reduction_text(item.reduction), class_=worse),
        tag("p", "attack surface than ", tag("span", item.baseline, class_="name")),
        class_="card",
    )


def _facts(result: CompareResult) -> Markup:
    rows = []
    for row in result.parts:
        if row.part in _FACTS:
            was = " · ".join(count_text(row.part, count) for count in row.counts[:-1])
            now = count_text(row.part, row.counts[-1])
            value = joined(tag("span", f"{was} → ", class_="was"), tag("b", now))
            rows.append(tag("div", tag("dt", part_title(row.part)), tag("dd", value)))
    return tag("dl", rows, class_="facts")


def _unjudged(result: CompareResult) -> Markup | None:
    if not result.unjudged:
        return None
    items = []
    for image in result.images:
        if image.unjudged:
            shown = image.unjudged[:_MOST_UNJUDGED]
            more = len(image.unjudged) - len(shown)
            items.append(
                tag(
                    "details",
                    tag("summary", f"{len(image.unjudged):,} in ", tag("code", image.image)),
                    tag("ul", (tag("li", line, class_="name") for line in shown)),
                    tag("p", f"… and {more:,} more", class_="soft") if more > 0 else None,
                )
            )
    return tag(
        "section",
        tag("h2", f"Not judged: {result.unjudged:,} paths"),
        tag("p", "What could not be read is not clean; it is not known."),
        items,
        class_="notice open",
    )


def _names(result: CompareResult) -> list[str]:
    """What bars and columns are called: ``before`` or a letter for each baseline, ``after``."""
    several = len(result.differences) > 1
    names = [letter(number) for number in range(len(result.differences))]
    return [*(names if several else ["before"]), _AFTER]


def _legend(result: CompareResult) -> Markup:
    rows = []
    for number, (name, image) in enumerate(zip(_names(result), result.images, strict=True)):
        last = number == len(result.differences)
        sample = swatch(f"legend-{number}", "after" if last else "before", hatched=not last)
        words = joined(tag("b", name), " ", tag("span", image.image, class_="name"))
        rows.append(tag("li", sample, tag("span", words)))
    return tag("ul", rows, class_="legend")


def _group(row: ComparedPart, names: Sequence[str]) -> Group:
    """The bars of one part; how much less it is stands at the end of what comes after, or with
    several baselines at the end of each.
    """
    counts = [count or 0 for count in row.counts]
    changes = [
        share_text(share) if share is not None else ("new" if counts[-1] else "")
        for share in row.shares
    ]
    notes = ["", *changes] if len(changes) == 1 else [*(f"→ {c}" if c else "" for c in changes), ""]
    found = [
        Bar(
            value=count,
            letter=name,
            text=count_text(row.part, count),
            note=note,
            after=name == names[-1],
            worse=name == names[-1] and count > min(counts),
        )
        for name, count, note in zip(names, counts, notes, strict=True)
    ]
    return Group(title=part_title(row.part) + (" *" if row.reduced else ""), bars=tuple(found))


def _picture(result: CompareResult) -> Markup:
    names, groups, nothing, unknown = _names(result), [], [], []
    for row in result.parts:
        if None in row.counts:
            unknown.append(part_title(row.part))
        elif not any(row.counts):
            nothing.append(part_title(row.part))
        elif row.part is not Part.RUNS_AS_ROOT:
            groups.append(_group(row, names))
    return tag(
        "section",
        tag("h2", "Attack surface, part by part"),
        _legend(result),
        tag(
            "figure",
            bars("parts", "Attack surface, part by part", groups) if groups else None,
            tag("figcaption", "Each part on its own scale. * in the reduction."),
            class_="bars",
        ),
        tag("p", f"None in any image: {', '.join(nothing)}.", class_="small") if nothing else None,
        tag("p", f"Not judged in every image: {', '.join(unknown)}.", class_="small")
        if unknown
        else None,
    )


def _table(result: CompareResult) -> Markup:
    names = _names(result)
    heads = [tag("th", "part", scope="col")]
    heads += [_head_cell(name) for name in names]
    heads += [_head_cell(f"against {name}" if len(names) > 2 else "change") for name in names[:-1]]
    rows = []
    for row in result.parts:
        title = part_title(row.part) + (" *" if row.reduced else "")
        cells = [tag("th", title, scope="row", title=MEANING[row.part])]
        cells += [_cell(count_text(row.part, count)) for count in row.counts]
        cells += [_cell(share_text(share)) for share in row.shares]
        rows.append(tag("tr", cells))
    total = [tag("th", "attack-surface reduction", scope="row")]
    total += [_cell("") for _ in names]
    total += [_cell(reduction_text(item.reduction)) for item in result.differences]
    rows.append(tag("tr", total, class_="total"))
    return tag(
        "section",
        tag("h2", "All numbers"),
        tag(
            "div",
            tag("table", tag("thead", tag("tr", heads)), tag("tbody", rows)),
            class_="wide",
        ),
    )


def _head_cell(text: str) -> Markup:
    return tag("th", text, scope="col", class_="number-cell")


def _cell(text: str) -> Markup:
    return tag("td", text, class_="number-cell")


def _foot(result: CompareResult) -> Markup:
    reduced = ", ".join(part_title(part) for part in REDUCED_PARTS)
    images = []
    for name, image in zip(_names(result), result.images, strict=True):
        facts = (image.digest, image.platform, image.distribution, f"runs as {image.user}",
                 f"looked at: {image.depth}")  # fmt: skip
        images.append(tag("dt", f"{name} {image.image}", class_="name"))
        images.append(tag("dd", " · ".join(fact for fact in facts if fact)))
    return tag(
        "footer",
        tag("h2", "How this was measured"),
        tag(
            "p",
            "The reduction is the mean of 1 − after/before over these parts, leaving out what was "
            f"zero before: {reduced}. The parts are fixed, so figures of different images and "
            "years compare. Known vulnerabilities are not part of it.",
        ),
        tag("dl", images),
        tag(
            "dl",
            ((tag("dt", part_title(part)), tag("dd", MEANING[part])) for part in Part),
        ),
        tag("p", f"Surface version {result.surface_version}. Made by neve from the images alone."),
    )
