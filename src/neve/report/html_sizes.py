"""Where the bytes are and where they went: maps of each image, a waterfall a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neve.report.compare import letter
from neve.report.html import Markup, tag
from neve.report.html_charts import Stage, swatch, waterfall
from neve.report.html_treemap import Area, foremost, treemap
from neve.report.table import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neve.verbs.compare import CompareResult
    from neve.verbs.comparing import Difference, Weight

_SIZE = (500, 330)
_UNOWNED = "files of no package"


def sizes_section(result: CompareResult) -> Markup | None:
    """Maps on one scale, then how the bytes fell; nothing where no image holds a byte."""
    held = [item.weights for item in result.differences] + [result.weights]
    most = max(_total(weights) for weights in held)
    if not most:
        return None
    after = {weight.package for weight in result.weights}
    before = {weight.package for item in result.differences for weight in item.weights}
    maps = [
        _map(
            f"map-{number}",
            item.baseline,
            _named(result, number),
            item.weights,
            after,
            "gone",
            most,
        )
        for number, item in enumerate(result.differences)
    ]
    name = result.after.image
    maps.append(_map("map-after", name, "after", result.weights, before, "new", most))
    return tag(
        "section",
        tag("h2", "Where the bytes are"),
        tag(
            "ul",
            tag("li", swatch("kept", "box kept"), "package in both"),
            tag("li", swatch("gone", "box gone", hatched=True), "package that is gone after"),
            tag("li", swatch("new", "box new"), "package that is new after"),
            class_="legend",
        ),
        tag("div", maps, class_="pair"),
        tag("p", "All maps have one scale: the same area is the same number of bytes.",
            class_="soft small"),
        [_way(item, result, number) for number, item in enumerate(result.differences)],
    )  # fmt: skip


def _named(result: CompareResult, number: int) -> str:
    return letter(number) if len(result.differences) > 1 else "before"


def _total(weights: Sequence[Weight]) -> int:
    return sum(weight.size for weight in weights)


def _map(
    identifier: str,
    image: str,
    name: str,
    weights: Sequence[Weight],
    other: set[str],
    lone: str,
    most: int,
) -> Markup:
    areas = foremost(
        [
            Area(
                name=weight.package or _UNOWNED,
                size=weight.size,
                text=size_text(weight.size),
                state="kept" if weight.package in other else lone,
            )
            for weight in weights
        ],
        "{count} others",
    )
    total = _total(weights)
    title = f"Bytes by package in {image}: {size_text(total)} in all"
    return tag(
        "figure",
        treemap(identifier, title, areas, share=total / most, size=_SIZE),
        tag(
            "figcaption",
            tag("b", f"{name} {size_text(total)}"),
            " ",
            tag("span", image, class_="name"),
        ),
    )


def _way(item: Difference, result: CompareResult, number: int) -> Markup:
    stages = _stages(item, result)
    against = f" from {letter(number)}" if len(result.differences) > 1 else ""
    title = f"How the size changed{against}"
    return tag(
        "div",
        tag("h3", title),
        tag("figure", waterfall(f"way-{number}", title, stages), class_="waterfall"),
    )


def _stages(item: Difference, result: CompareResult) -> list[Stage]:
    """From the bytes before to those after: what went, shrank, grew and came."""
    was = {weight.package: weight.size for weight in item.weights}
    now = {weight.package: weight.size for weight in result.weights}
    shared = (was.keys() & now.keys()) - {""}
    steps = (
        ("packages that are gone", -sum(was[name] for name in was.keys() - now.keys() - {""})),
        ("less in packages that stay", sum(min(now[name] - was[name], 0) for name in shared)),
        ("files of no package", now.get("", 0) - was.get("", 0)),
        ("more in packages that stay", sum(max(now[name] - was[name], 0) for name in shared)),
        ("packages that are new", sum(now[name] for name in now.keys() - was.keys() - {""})),
    )
    level = sum(was.values())
    stages = [Stage(title="before", start=0, end=level, text=size_text(level), total=True)]
    for title, step in steps:
        if step:
            sign = "+" if step > 0 else "−"
            text = f"{sign}{size_text(abs(step))}"
            stages.append(Stage(title=title, start=level, end=level + step, text=text))
            level += step
    stages.append(Stage(title="after", start=0, end=level, text=size_text(level), total=True))
    return stages
