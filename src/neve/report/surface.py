"""The surface of one image as text and Markdown; and how its parts are called in any report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neve.report.sections import Section, limited, sections_markdown, sections_text
from neve.report.table import Column, size_text
from neve.report.visible import shortened
from neve.surface import MEANING, REDUCED_PARTS, Measure, Part

if TYPE_CHECKING:
    from neve.verbs.surface import SurfaceResult

_TITLES = {
    Part.PRIVILEGED: "setuid, setgid, capabilities",
    Part.WORLD_WRITABLE: "writable by everybody",
    Part.USER_WRITABLE: "writable by its own user",
    Part.RUNS_AS_ROOT: "runs as root",
    Part.SHELLS_AND_INTERPRETERS: "shells and interpreters",
    Part.WEAK_BINARIES: "weakly hardened binaries",
}
_TOP = 3
_WIDE = 36
NOT_JUDGED = "not judged"


def part_title(part: Part) -> str:
    """How people call a part."""
    return _TITLES.get(part, part.value.replace("-", " "))


def count_text(part: Part, count: int | None) -> str:
    """A count of ``part`` for people."""
    if count is None:
        return NOT_JUDGED
    if part is Part.RUNS_AS_ROOT:
        return "yes" if count else "no"
    return size_text(count) if part is Part.BYTES else f"{count:,}"


def share_text(share: float | None) -> str:
    """``1 − after/before`` in words: ``91 % less``, never only a sign."""
    if share is None:
        return ""
    if share == 0:
        return "same"
    amount = abs(share) * 100
    if share > 0 and 99 < amount < 100:
        number = f"{min(amount, 99.9):.1f}"  # not all of it went
    else:
        number = f"{amount:,.0f}" if amount >= 1 else f"{amount:.1f}"
    return f"{number} % {'less' if share > 0 else 'more'}"


def reduction_text(reduction: float | None) -> str:
    """A reduction in words."""
    if reduction is None:
        return "not known"
    if round(reduction * 100) == 0 and reduction != 0:
        return f"{abs(reduction) * 100:.1f} % {'smaller' if reduction > 0 else 'larger'}"
    if reduction == 0:
        return "no change"
    return f"{abs(reduction) * 100:.0f} % {'smaller' if reduction > 0 else 'larger'}"


def surface_text(result: SurfaceResult, width: int) -> str:
    """The vector, with the first subjects of each part."""
    return sections_text(surface_sections(result), width)


def surface_markdown(result: SurfaceResult) -> str:
    """The same as Markdown."""
    return sections_markdown(surface_sections(result))


def surface_sections(result: SurfaceResult) -> Iterator[Section]:
    """The vector, what was not judged, and the whole of the parts that were asked for."""
    yield Section(
        title=f"attack surface of {result.image}",
        columns=(
            Column(title="part"),
            Column(title="count", number=True),
            Column(title="in the reduction", spare=True),
            Column(title="such as", shrink=True),
        ),
        rows=tuple(
            (
                part_title(measure.part),
                count_text(measure.part, measure.count),
                "yes" if measure.part in REDUCED_PARTS else "",
                _such_as(measure),
            )
            for measure in result.measures
        ),
        plain=frozenset((0, 1, 2)),
    )
    yield from unjudged_sections(result.image, result.unjudged)
    for measure in result.measures:
        if measure.part in result.listed:
            yield _listing(measure)


def _such_as(measure: Measure) -> str:
    if measure.unjudged:
        return measure.unjudged
    if measure.part in (Part.FILES, Part.BYTES):
        return ""
    shown = ", ".join(shortened(subject, _WIDE) for subject in measure.subjects[:_TOP])
    return shown + (" …" if len(measure.subjects) > _TOP else "")


def _listing(measure: Measure) -> Section:
    note = measure.unjudged or ("" if measure.subjects else "none")
    return Section(
        title=f"{part_title(measure.part)}: {MEANING[measure.part]}",
        columns=(Column(title=measure.part.value, shrink=True),) if measure.subjects else (),
        rows=tuple((subject,) for subject in measure.subjects),
        notes=(note,) if note else (),
    )


def unjudged_sections(image: str, unjudged: tuple[str, ...], most: int = 20) -> Iterator[Section]:
    """What of ``image`` could not be read: it is not clean, it is unknown."""
    if unjudged:
        rows, more = limited([(line,) for line in unjudged], most)
        yield Section(
            title=f"not judged in {image}: {len(unjudged):,}",
            columns=(Column(title="path and reason", shrink=True),),
            rows=rows,
            more=more,
        )
