"""Caches that are left out on purpose, and why an image works without them. Data only.

Each program below reads its sources itself when the cache is missing or holds other dates than
the files have; what follows for an image is said with every build's plan, never silently.
"""

from __future__ import annotations

from collections.abc import Mapping

OMITTED: Mapping[str, str] = {
    "fontconfig": (
        "the cache is named by directory dates and machine, and is made by the first program"
        " that asks for a font; until then fontconfig scans the fonts (FcDirCacheRead)"
    ),
    "gio-modules": (
        "giomodule.cache only saves GIO from loading each module once to ask what it offers"
        " (g_io_modules_scan_all_in_directory)"
    ),
    "gdk-pixbuf": (
        "loaders.cache is made by loading every image loader; without it gdk-pixbuf reads the"
        " formats built into it, further ones need the recipe or a traced effect to bring the file"
    ),
    "glib-schemas": (
        "gschemas.compiled is read by programs that use GSettings, which are desktop programs:"
        " an image with one brings the compiled file through its recipe"
    ),
    "mime": (
        "the compiled MIME database is read by desktop programs; servers carry their own table"
        " or read /etc/mime.types, which is a packaged file"
    ),
}
"""Generator → why nothing is generated, and what that means."""

ELSEWHERE: Mapping[str, str] = {
    "python-bytecode": "compiled in the sandbox by the image's own Python (effects.bytecode)",
}
"""Requests that another step of the build answers."""
