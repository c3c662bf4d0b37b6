"""Pictures of a comparison as SVG: bars part by part, and the way from one size to another.

Numbers in, markup out. Each has a text alternative; letters, hatching and words say what colour
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neve.report.html import Markup, joined, tag
from neve.report.visible import shortened

_WIDTH = 1000
_LEFT = 218
_RIGHT = 190
_BAR = 13
_GAP = 4
_GROUP = 16
_LETTER = 44
_STEP = 120
_PLOT = 210
_COLUMNS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: its ``value``, the ``letter`` of its image, and what stands at its end."""

    value: int
    letter: str
    text: str
    note: str = ""
    after: bool = False
    worse: bool = False
    """More than before: drawn as such, and marked for who sees no colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The bars of one part, drawn on one scale of their own."""

    title: str
    bars: tuple[Bar, ...]


def hatching(name: str) -> Markup:
    """A pattern of slanting lines, to be filled with as ``url(#name)``."""
    lines = tag("line", x1=0, y1=0, x2=0, y2=6, class_="hatch")
    return tag(
        "defs",
        tag(
            "pattern", lines, id=name, width=6, height=6, patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        ),
    )  # fmt: skip


def drawing(identifier: str, title: str, description: str, size: tuple[float, float],
            *children: Markup) -> Markup:  # fmt: skip
    """An SVG picture of ``size`` with a title and a description for who can't see it."""
    return tag(
        "svg",
        tag("title", title, id=f"{identifier}-title"),
        tag("desc", description, id=f"{identifier}-desc"),
        *children,
        viewBox=f"0 0 {size[0]:.0f} {size[1]:.0f}",
        role="img",
        aria_labelledby=f"{identifier}-title {identifier}-desc",
    )


def bars(identifier: str, title: str, groups: Sequence[Group]) -> Markup:
    """Groups of horizontal bars, one below the other."""
    pieces: list[Markup] = [hatching(f"{identifier}-hatch")]
    top = 6.0
    for group in groups:
        pieces.append(_group(identifier, group, top))
        top += len(group.bars) * (_BAR + _GAP) + _GROUP
    return drawing(identifier, title, _told(groups), (_WIDTH, max(top - 6, 1)), *pieces)


def _told(groups: Sequence[Group]) -> str:
    return "; ".join(
        f"{group.title}: "
        + ", ".join(f"{bar.letter} {bar.text} {bar.note}".strip() for bar in group.bars)
        for group in groups
    )


def _group(identifier: str, group: Group, top: float) -> Markup:
    most = max(bar.value for bar in group.bars) or 1
    room = _WIDTH - _LEFT - _LETTER - _RIGHT
    height = len(group.bars) * (_BAR + _GAP) - _GAP
    pieces = [
        tag(
            "text", group.title, x=_LEFT - 12, y=top + height / 2 + 4.5, text_anchor="end",
            class_="label",
        )
    ]  # fmt: skip
    for bar in group.bars:
        length = max(room * bar.value / most, 1.5 if bar.value else 0.0)
        start = float(_LEFT + _LETTER)
        kind = ("up" if bar.worse else "after") if bar.after else "before"
        pieces.append(tag("text", bar.letter, x=_LEFT, y=top + _BAR - 2, class_="tiny soft"))
        pieces.append(tag("rect", x=start, y=top, width=float(room), height=_BAR, class_="track"))
        pieces.append(tag("rect", x=start, y=top, width=length, height=_BAR, class_=kind))
        if not bar.after:
            fill = f"url(#{identifier}-hatch)"
            pieces.append(
                tag("rect", x=start, y=top, width=length, height=_BAR, fill=fill, opacity=0.35)
            )
        pieces.append(_end(bar, start + room + 10, top + _BAR - 2))
        top += _BAR + _GAP
    return tag("g", *pieces)


def _end(bar: Bar, x: float, y: float) -> Markup:
    note = tag("tspan", bar.note, class_="soft", dx=8) if bar.note else None
    return tag(
        "text",
        f"▲ {bar.text}" if bar.worse else bar.text,
        note,
        x=x,
        y=y,
        class_="strong" if bar.after else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One column of a waterfall: where it begins and ends, in bytes; a total stands on the
    ground.
    """

    title: str
    start: int
    end: int
    text: str
    total: bool = False


def waterfall(identifier: str, title: str, stages: Sequence[Stage]) -> Markup:
    """Columns that lead from the first total to the last, step by step."""
    most = max(max(stage.start, stage.end) for stage in stages) or 1
    width, height = _STEP * max(len(stages), _COLUMNS), _PLOT + 74
    pieces: list[Markup] = [
        hatching(f"{identifier}-hatch"),
        tag("line", x1=0, x2=width, y1=_PLOT + 24, y2=_PLOT + 24, class_="axis"),
    ]
    for number, stage in enumerate(stages):
        pieces.append(_column(identifier, stage, number, len(stages), most))
    told = "; ".join(f"{stage.title}: {stage.text}" for stage in stages)
    return drawing(identifier, title, told, (width, height), *pieces)


def _column(identifier: str, stage: Stage, number: int, count: int, most: int) -> Markup:
    left, wide = number * _STEP + 14.0, _STEP - 28.0
    high, low = max(stage.start, stage.end), min(stage.start, stage.end)
    y = 24 + _PLOT * (1 - high / most)
    tall = max(_PLOT * (high - low) / most, 1.5)
    if stage.total:
        kind = "before" if number == 0 else "after"
    else:
        kind = "up" if stage.end > stage.start else "down"
    pieces = [tag("rect", x=left, y=y, width=wide, height=tall, class_=kind)]
    if kind == "before":
        fill = f"url(#{identifier}-hatch)"
        pieces.append(tag("rect", x=left, y=y, width=wide, height=tall, fill=fill, opacity=0.35))
    if number + 1 < count:
        level = 24 + _PLOT * (1 - stage.end / most)
        ends = {"x1": left + wide, "x2": left + _STEP, "y1": level, "y2": level}
        pieces.append(tag("line", **ends, class_="axis"))
    middle = left + wide / 2
    pieces.append(_centred(stage.text, middle, y - 7, "strong"))
    pieces += [
        _centred(words, middle, _PLOT + 43 + 16.0 * line, "soft")
        for line, words in enumerate(_lines(stage.title))
    ]
    return tag("g", *pieces)


def _centred(text: str, x: float, y: float, kind: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor="middle", class_=kind)


def _lines(title: str) -> list[str]:
    """``title`` in at most two lines that a column is wide enough for."""
    lines = [""]
    for word in title.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > 14 and len(lines) < 2:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [shortened(line, 18) for line in lines]


def swatch(identifier: str, kind: str, *, hatched: bool = False) -> Markup:
    """A small sample of a fill for a legend; words beside it say what it means."""
    box = tag("rect", x=0, y=0, width=24, height=13, class_=kind)
    over = tag("rect", x=0, y=0, width=24, height=13, fill=f"url(#{identifier})", opacity=0.35)
    pieces = joined(hatching(identifier), box, over) if hatched else box
    return tag("svg", pieces, viewBox="0 0 24 13", aria_hidden="true")
