"""Reports about images: right numbers, the bad news first, and no name that acts on its reader."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.support.seen import EMPTY, HOSTILE, fat, hostile, seen, slim

from neve.errors import UsageError
from neve.inventory import Depth
from neve.report.compare import compare_markdown, compare_text, letter
from neve.report.html import joined, tag
from neve.report.html_compare import compare_html
from neve.report.html_treemap import Area, Box, foremost, squarified
from neve.report.inventory import SECTIONS, inventory_text, parse_sections
from neve.report.markdown import code, escaped
from neve.report.surface import part_title, share_text, surface_markdown, surface_text
from neve.report.visible import ended, shortened, visible
from neve.surface import Part
from neve.verbs.compare import CompareResult, compare_seen
from neve.verbs.inspect import InspectResult, inspected
from neve.verbs.surface import SurfaceResult, measured

NOW = 1_800_000_000
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def compared(*inventories: str) -> CompareResult:
    kinds = {"fat": fat(), "slim": slim(), "hostile": hostile(), "empty": EMPTY}
    images = [seen(f"{name}:1", kinds[name]) for name in inventories]
    return compare_seen(images[:-1], images[-1], now=NOW)


def the_surface(name: str, *listed: Part) -> SurfaceResult:
    inventory = hostile() if name == "hostile" else fat()
    return measured(seen(name, inventory), now=NOW, listed=listed)


def looked(name: str = "fat") -> InspectResult:
    return inspected(seen(name, hostile() if name == "hostile" else fat()), now=NOW)


class Page(HTMLParser):
    """What a browser would find: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


# names


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_acts_and_none_is_lost(name: str) -> None:
    shown = visible(name)
    assert ACTING.search(shown) is None
    assert "\n" not in shown
    assert shown.encode()
    plain = "".join(char for char in name if " " <= char <= "~")
    assert all(char in shown for char in plain)


def test_characters_that_act_stand_as_their_code() -> None:
    assert visible("a\x1b[31m\u202e\udce9\U000e0001") == "a\\x1b[31m\\u202e\\xe9\\U000e0001"
    assert visible("größe 世界") == "größe 世界"


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert len(shortened(text, width)) <= width
    assert len(ended(text, width)) <= width


# HTML


SETS = [
    ("fat", "slim"),
    ("hostile", "hostile"),
    ("hostile", "fat", "slim"),
    ("empty", "hostile"),
    ("empty", "empty"),
]


@pytest.mark.parametrize("images", SETS)
def test_a_page_is_one_sound_document_that_loads_nothing(images: tuple[str, ...]) -> None:
    text = compare_html(compared(*images))
    page = Page(text)
    assert not {"script", "img", "iframe", "object", "link", "a", "i", "b>"} & set(page.tags)
    handlers = [name for name, _ in page.attributes if name.startswith("on")]
    assert handlers == []
    assert [name for name, _ in page.attributes if name in ("href", "src", "xlink:href")] == []
    assert not re.search(r"(?:url\(|@import)[^)]*(?:http|//)", text)
    values = [value or "" for _, value in page.attributes]
    assert any(value.startswith("default-src 'none'") for value in values)
    assert ACTING.search(text) is None
    text.encode("utf-8")
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(picture)


def test_hostile_names_are_shown_as_text() -> None:
    page = Page(compare_html(compared("hostile", "slim")))
    assert "<script>alert(1)</script>" in page.text
    assert "\\u202egnp.exe" in page.text


def test_every_picture_has_words_for_who_cannot_see_it() -> None:
    text = compare_html(compared("fat", "slim"))
    pictures = re.findall(r"<svg[^>]*role=\"img\".*?</svg>", text, re.DOTALL)
    assert len(pictures) >= 4
    for picture in pictures:
        labels = re.search(r'aria-labelledby="([^"]+)"', picture)
        assert labels is not None
        for identifier in labels[1].split():
            assert re.search(rf'id="{identifier}">[^<]+<', picture)
    identifiers = re.findall(r' id="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))


def test_the_page_says_first_what_got_worse() -> None:
    text = compare_html(compared("slim", "fat"))
    page = Page(text).text
    assert page.index("What got worse") < page.index("part by part")
    assert "larger" in page
    assert "/usr/bin/su" in page
    good = Page(compare_html(compared("fat", "slim"))).text
    assert "Nothing got worse" in good
    assert "What got worse" not in good


def test_the_same_comparison_gives_the_same_bytes() -> None:
    assert compare_html(compared("fat", "slim")) == compare_html(compared("fat", "slim"))
    assert compare_markdown(compared("fat", "slim")) == compare_markdown(compared("fat", "slim"))


def test_text_becomes_markup_in_one_place_only() -> None:
    made = tag("p", "<b>", tag("i", "&"), None, ["x", 1], class_='"', data_x=1.50)
    assert made == '<p class="&quot;" data-x="1.5">&lt;b&gt;<i>&amp;</i>x1</p>'
    assert joined("<", made).startswith("&lt;<p")


# Markdown


def rendered(text: str) -> Page:
    return Page(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_markdown_stays_one_cell_of_text(name: str) -> None:
    for cell in (code(name), escaped(name)):
        page = rendered(f"| a | b |\n| --- | --- |\n| {cell} | end |\n")
        assert page.tags.count("td") == 2
        assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
        assert page.attributes == []
        assert visible(name).strip() in page.text


@given(st.text(alphabet="`|\\<>&*_[]()!~#ab \n\x1b", max_size=30))
def test_no_text_breaks_out_of_a_cell(name: str) -> None:
    page = rendered(f"| a | b |\n| --- | --- |\n| {code(name)} | end |\n")
    assert page.tags.count("td") == 2
    assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert visible(name).strip() in page.text


def test_a_hostile_comparison_in_markdown_is_tables_and_nothing_else() -> None:
    page = rendered(compare_markdown(compared("hostile", "fat")))
    allowed = {"h3", "table", "thead", "tbody", "tr", "th", "td", "code", "p"}
    assert set(page.tags) <= allowed
    assert {name for name, _ in page.attributes} <= {"style"}
    assert ACTING.search(surface_markdown(the_surface("hostile", *Part))) is None


# terminal


def test_no_report_lets_a_name_drive_the_terminal() -> None:
    texts = [
        compare_text(compared("hostile", "fat"), 100),
        surface_text(the_surface("hostile", *Part), 100),
        inventory_text(looked("hostile"), (), 100),
        inventory_text(looked("hostile"), ("all",), 100),
    ]
    for text in texts:
        assert ACTING.search(text) is None
        text.encode("utf-8")


def test_a_comparison_begins_with_what_got_worse() -> None:
    text = compare_text(compared("slim", "fat"), 120)
    assert text.startswith("worse than slim:1")
    row = next(line for line in text.splitlines() if line.startswith(part_title(Part.PRIVILEGED)))
    assert row.split()[-3:] == ["0", "1", "/usr/bin/su"]
    assert compare_text(compared("fat", "slim"), 120).startswith("worse than fat:1\nnothing")


def test_several_baselines_stand_side_by_side() -> None:
    text = compare_text(compared("fat", "empty", "slim"), 140)
    head = next(line for line in text.splitlines() if line.startswith("attack surface"))
    assert head.split()[2:] == ["A", "B", "after", "against", "A", "against", "B"]
    packages = next(line for line in text.splitlines() if line.startswith("packages *"))
    assert packages.split()[2:] == ["3", "0", "1", "67", "%", "less"]
    assert "worse than empty:1 (against B)" in text


def test_what_was_not_judged_is_never_a_zero() -> None:
    shallow = seen("x:1", replace(fat(), depth=Depth.PACKAGES))
    result = compare_seen([shallow], seen("y:1", slim()), now=NOW)
    row = next(r for r in compare_text(result, 140).splitlines() if r.startswith("secrets"))
    assert "not judged" in row
    assert "not known" in compare_text(result, 140)
    assert "not known" in Page(compare_html(result)).text
    assert "not judged in fat:1: 1" in compare_text(compared("fat", "slim"), 120)


def test_a_summary_tells_the_dangerous_and_how_to_see_more() -> None:
    text = inventory_text(looked(), (), 120)
    words = ["Debian GNU/Linux 13", "root (0)", "3: 3 deb", "/usr/bin/su", "1 expired"]
    for word in (*words, "aws-key", "8080/tcp", "/big: too large", "--show packages", "curl"):
        assert word in text


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_lists_what_it_counts(name: str) -> None:
    text = inventory_text(looked(), (name,), 140)
    head, _, number = text.splitlines()[0].rpartition(": ")
    assert head
    rows = text.splitlines()[3:] if int(number) else []
    assert int(number) == len(rows) or text.splitlines()[1] == "none"


def test_sections_are_called_by_name() -> None:
    assert parse_sections(["packages,elf", "all"]) == ("packages", "elf", "all")
    with pytest.raises(UsageError, match="there is no such section"):
        parse_sections(["everything"])


def test_a_part_is_listed_with_all_its_paths() -> None:
    text = surface_text(the_surface("fat", Part.PRIVILEGED), 100)
    assert "\n/usr/bin/su\n" in text
    assert "part" in surface_markdown(the_surface("fat"))


# numbers and pictures


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.9999, "99.9 % less"), (1.0, "100 % less"), (0.5, "50 % less"), (-2.0, "200 % more"),
     (0.0, "same"), (None, ""), (0.004, "0.4 % less")],
)  # fmt: skip
def test_shares_never_claim_more_than_is_true(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_letters_go_on_after_z() -> None:
    assert [letter(n) for n in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


@given(st.lists(st.integers(min_value=1, max_value=10**12), min_size=1, max_size=60))
def test_a_map_gives_each_package_its_share_of_the_area(sizes: list[int]) -> None:
    sizes.sort(reverse=True)
    room = Box(0, 0, 500, 330)
    boxes = squarified(sizes, room)
    assert len(boxes) == len(sizes)
    for size, box in zip(sizes, boxes, strict=True):
        expected = size / sum(sizes) * 500 * 330
        assert box.width * box.height == pytest.approx(expected, rel=1e-6, abs=0.01)
        assert box.x >= -1e-6
        assert box.x + box.width <= 500 + 1e-6
        assert box.y + box.height <= 330 + 1e-6


def test_small_packages_are_drawn_together() -> None:
    areas = [Area(name=f"p{n}", size=n + 1, text="", state="kept") for n in range(100)]
    kept = foremost(areas, "{count} others")
    assert sum(area.size for area in kept) == sum(area.size for area in areas)
    assert any(area.name == "72 others" for area in kept)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_can_be_read_on_its_ground(scheme: int) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, 1.4.3), in each scheme of colours."""
    style = resources.files("neve.report").joinpath("templates/report.css").read_text("utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", schemes[scheme]))
    pairs = [("ink", "paper"), ("ink", "panel"), ("soft", "paper"), ("soft", "panel")]
    pairs += [("after", "panel"), ("bad", "panel"), ("bad", "bad-soft"), ("good", "good-soft")]
    pairs += [
        ("ink", "bad-soft"),
        ("ink", "good-soft"),
        ("ink", "after-soft"),
        ("soft", "after-soft"),
    ]
    for text, ground in pairs:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
