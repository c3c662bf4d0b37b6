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

OMITTED_PATHS: Mapping[str, tuple[str, ...]] = {
    "fontconfig": ("/var/cache/fontconfig", "/var/cache/fontconfig/*"),
    "gio-modules": ("/usr/lib/*/gio/modules/giomodule.cache",),
    "gdk-pixbuf": ("/usr/lib/*/gdk-pixbuf-2.0/*/loaders.cache",),
    "glib-schemas": ("/usr/share/glib-2.0/schemas/gschemas.compiled",),
    "mime": (
        *(
            f"/usr/share/mime/{name}"
            for name in (
                *("XMLnamespaces", "aliases", "generic-icons", "globs", "globs2", "icons"),
                *("magic", "mime.cache", "subclasses", "treemagic", "types", "version"),
            )
        ),
        *(
            f"/usr/share/mime/{kind}/*.xml"
            for kind in (
                *("application", "audio", "chemical", "font", "image", "inode", "message"),
                *("model", "multipart", "text", "video", "x-content", "x-epoc"),
            )
        ),
    ),
}
"""Generator → the files that a machine would have, as patterns (``*`` within one name)."""

UNMADE: Mapping[str, str] = {
    "/etc/ld.so.cache": (
        "every library lies where the loader looks without it, or there is no loader"
    ),
    "/var/cache/ldconfig/aux-cache": "it holds inode numbers, which are those of one machine",
    "/var/lib/dpkg/status": (
        "each package has its own file in /var/lib/dpkg/status.d, as scanners read it"
    ),
}
"""Path → why an image does not have it unless something in it asks for it."""

ELSEWHERE: Mapping[str, str] = {
    "python-bytecode": "compiled in the sandbox by the image's own Python (effects.bytecode)",
}
"""Requests that another step of the build answers."""
