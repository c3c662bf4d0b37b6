"""Where an image's bytes are, as a map of rectangles: a package's area is the bytes of its files.

The layout is the squarified treemap (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000): rows
of rectangles that are as square as they can be, so that areas can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neve.report.html import Markup, joined, tag
from neve.report.html_charts import drawing, hatching
from neve.report.visible import ended

_MOST = 28
_LETTER = 7.5
_LINE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One rectangle to be: ``state`` is ``kept``, ``gone`` or ``new``."""

    name: str
    size: int
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class Box:
    """Where a rectangle lies."""

    x: float
    y: float
    width: float
    height: float


def foremost(areas: Sequence[Area], rest: str) -> list[Area]:
    """The largest areas; all others of a state as one, called ``rest`` with their number."""
    ordered = sorted(areas, key=lambda area: (-area.size, area.name))
    kept, small = ordered[:_MOST], ordered[_MOST:]
    for state in ("kept", "gone", "new"):
        those = [area for area in small if area.state == state]
        if those:
            size = sum(area.size for area in those)
            name = rest.format(count=f"{len(those):,}")
            kept.append(Area(name=name, size=size, text="", state=state))
    return sorted(kept, key=lambda area: (-area.size, area.name))


def squarified(sizes: Sequence[int], room: Box) -> list[Box]:
    """A box in ``room`` for each of ``sizes``, which are positive and descending."""
    boxes: list[Box] = []
    total = sum(sizes)
    scale = room.width * room.height / total if total else 0.0
    left = list(sizes)
    while left:
        side = min(room.width, room.height)
        row = _row([size * scale for size in left], side)
        placed, room = _placed(row, room)
        boxes.extend(placed)
        del left[: len(row)]
    return boxes


def _row(areas: Sequence[float], side: float) -> list[float]:
    """The first of ``areas``, as many as make their row squarer."""
    row = [areas[0]]
    for area in areas[1:]:
        if _worst([*row, area], side) > _worst(row, side):
            break
        row.append(area)
    return row


def _worst(row: Sequence[float], side: float) -> float:
    """The aspect ratio of the least square rectangle of a row along ``side``."""
    total, most, least = sum(row), max(row), min(row)
    if not total or not least or not side:
        return float("inf")
    return max(side * side * most / (total * total), total * total / (side * side * least))


def _placed(row: Sequence[float], room: Box) -> tuple[list[Box], Box]:
    """The row's boxes along the shorter side of ``room``, and the room that is left."""
    total = sum(row) or 1.0
    boxes = []
    if room.width >= room.height:
        thick = min(total / room.height, room.width) if room.height else 0.0
        y = room.y
        for area in row:
            tall = room.height * area / total
            boxes.append(Box(room.x, y, thick, tall))
            y += tall
        return boxes, Box(room.x + thick, room.y, room.width - thick, room.height)
    thick = min(total / room.width, room.height) if room.width else 0.0
    x = room.x
    for area in row:
        wide = room.width * area / total
        boxes.append(Box(x, room.y, wide, thick))
        x += wide
    return boxes, Box(room.x, room.y + thick, room.width, room.height - thick)


def treemap(
    identifier: str, title: str, areas: Sequence[Area], *, share: float, size: tuple[int, int]
) -> Markup:
    """The map of one image in a picture of ``size``, filling ``share`` of it from the lower left,
    so that maps of several images compare by area.
    """
    width, height = size
    side = share**0.5
    room = Box(0, height * (1 - side), width * side, height * side)
    boxes = squarified([area.size for area in areas], room)
    pieces = [hatching(f"{identifier}-hatch")]
    pieces += [
        piece
        for area, box in zip(areas, boxes, strict=True)
        for piece in _drawn(identifier, area, box)
    ]
    frame = tag("rect", x=0, y=0, width=width, height=height, class_="frame")
    told = ", ".join(f"{area.name} {area.text} ({area.state})" for area in areas[:12])
    return drawing(identifier, title, told, size, frame, *pieces)


def _drawn(identifier: str, area: Area, box: Box) -> Iterator[Markup]:
    place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    tip = tag("title", f"{area.name} {area.text} ({area.state})")
    shape = Markup(tag("rect", **place, class_=f"box {area.state}"))
    pieces = [tip, shape]
    if area.state == "gone":
        fill = f"url(#{identifier}-hatch)"
        pieces.append(tag("rect", **place, fill=fill, opacity=0.3))
    letters = int((box.width - 8) / _LETTER)
    if letters >= 4 and box.height >= 19:
        pieces.append(tag("text", ended(area.name, letters), x=box.x + 5, y=box.y + 15))
        if area.text and box.height >= 19 + _LINE and letters >= len(area.text):
            text = tag("text", area.text, x=box.x + 5, y=box.y + 15 + _LINE, class_="tiny soft")
            pieces.append(text)
    yield tag("g", joined(*pieces))
