"""The host's own apt sources: which mirrors its administrator chose (sources.list(5)).

Read only to learn addresses: no trust comes from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_FILE_LIMIT = 1 << 20
_OPTIONS = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One address of a binary archive. ``signed_by`` is the option's text, maybe empty."""

    url: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def read_apt_sources(directory: Path) -> tuple[AptSource, ...]:
    """All enabled binary sources below ``directory`` (``/etc/apt``); unreadable files count not."""
    found: list[AptSource] = []
    parts = directory / "sources.list.d"
    try:
        files = sorted(parts.iterdir())
    except OSError:
        files = []
    for path in (directory / "sources.list", *files):
        if path.suffix not in (".list", ".sources"):
            continue
        try:
            with path.open("rb") as file:
                text = file.read(_FILE_LIMIT).decode("utf-8", "replace")
        except OSError:
            continue
        found.extend(_deb822(text) if path.suffix == ".sources" else _one_line(text))
    return tuple(found)


def _one_line(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        option = _OPTIONS.search(line)
        words = _OPTIONS.sub(" ", line, count=1).split()
        if len(words) < 3 or words[0] != "deb":
            continue
        signed_by = ""
        for word in (option[0].strip("[]") if option else "").split():
            name, _, value = word.partition("=")
            if name.lower() == "signed-by":
                signed_by = value
        yield from _sources([words[1]], words[2:3], words[3:], signed_by)


def _deb822(text: str) -> Iterator[AptSource]:
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[last] = f"{fields.get(last, '')} {line.strip()}"
                continue
            name, colon, value = line.partition(":")
            if colon:
                last = name.strip().lower()
                fields[last] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off")
        if enabled and "deb" in fields.get("types", "").split():
            yield from _sources(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
                fields.get("signed-by", ""),
            )


def _sources(
    urls: list[str], suites: list[str], components: list[str], signed_by: str
) -> Iterator[AptSource]:
    for url in urls:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            continue
        if usable:
            yield AptSource(
                url=url.rstrip("/"),
                suites=tuple(suites),
                components=tuple(components),
                signed_by=signed_by,
            )
