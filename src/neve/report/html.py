"""HTML and SVG that is safe by construction: text becomes markup in one place only.

``tag`` escapes every string it is given; only its own results (``Markup``) pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from neve.report.visible import visible

_VOID = frozenset(("meta", "br", "hr", "rect", "line", "path", "use", "circle"))
_CLOSED_BY_SLASH = frozenset(("rect", "line", "path", "use", "circle"))


class Markup(str):
    """Text that is markup already; only this module and our own templates make it."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. A trailing ``_`` of an attribute falls away (``class_``), other ``_`` become
    ``-``; ``None`` leaves an attribute out.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{words}{'/' if name in _CLOSED_BY_SLASH else ''}>")
    return Markup(f"<{name}{words}>{_inner(children)}</{name}>")


def _attribute(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(visible(str(value)))


def _inner(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int):
        return escape(visible(str(child)))
    return "".join(map(_inner, child))


def joined(*children: Child) -> Markup:
    """Several pieces as one."""
    return Markup(_inner(children))


def page(title: str, style: str, body: Markup) -> str:
    """A whole document that needs nothing from outside: no script, no font, no picture.

    ``style`` is our own. The policy in its head forbids whatever a name might smuggle in.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="neve"),
        tag("title", title),
        Markup(f"<style>\n{style}</style>"),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"
