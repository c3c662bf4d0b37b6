"""Licences from Debian's machine-readable copyright files (DEP-5, copyright-format 1.0).

Only what a file states plainly becomes an SPDX expression; anything else is ``NOASSERTION``.
Licences that SPDX has no name for become ``LicenseRef-`` entries which point at the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from neve.attest.subject import AttestedImage
from neve.tree import Kind

_MAX_COPYRIGHT = 1024 * 1024
_FORMAT = re.compile(rb"\AFormat(?:-Specification)?:.*copyright-format", re.IGNORECASE)
_LICENCE = re.compile(rb"^License:[ \t]*([^\n]*)", re.MULTILINE | re.IGNORECASE)
_WORDS = re.compile(r"\s+(and|or)\s+|\s*,\s*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*\Z")
_MAX_NAMES = 40

_PLAIN = {
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0",
    "cc0-1.0": "CC0-1.0",
    "curl": "curl",
    "expat": "MIT",
    "isc": "ISC",
    "mit": "MIT",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "openssl": "OpenSSL",
    "psf-2": "PSF-2.0",
    "zlib": "Zlib",
    "0bsd": "0BSD",
}
SPDX_NAMES = {
    name.lower(): name
    for name in (
        *_PLAIN.values(),
        *("AFL-2.1", "AFL-3.0", "Apache-1.1", "Artistic-1.0", "Beerware", "BlueOak-1.0.0"),
        *("BSD-1-Clause", "BSD-3-Clause-Clear", "BSD-Source-Code", "bzip2-1.0.6", "CC-BY-3.0"),
        *("CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CDDL-1.0", "CDDL-1.1", "CPL-1.0"),
        *("ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.2", "FTL", "HPND", "ICU", "IJG", "JSON"),
        *("Libpng", "MIT-0", "MIT-CMU", "MPL-1.0", "MS-PL", "NCSA", "OFL-1.1", "OLDAP-2.8"),
        *("PHP-3.01", "PostgreSQL", "Python-2.0", "Ruby", "Sleepycat", "SSPL-1.0", "TCL"),
        *("UPL-1.0", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense", "Vim", "W3C", "WTFPL"),
        *("X11", "ZPL-2.1"),
    )
}
"""Short identifiers of the SPDX licence list that packages name most, by their lower case."""
_GNU = re.compile(r"(L|A)?GPL-([123])(?:\.([01]))?(\+?)\Z", re.IGNORECASE)
_GNU_VERSIONS = {
    "GPL": {"1.0", "2.0", "3.0"},
    "LGPL": {"2.0", "2.1", "3.0"},
    "AGPL": {"3.0"},
}


@dataclass(frozen=True, slots=True)
class Licence:
    """An SPDX expression, and the (``LicenseRef-…``, text) pairs it uses."""

    expression: str
    own: tuple[tuple[str, str], ...] = ()


NO_LICENCE = Licence("NOASSERTION")


def package_licence(image: AttestedImage, package: str) -> Licence:
    """The licence that ``/usr/share/doc/PACKAGE/copyright`` of the image declares."""
    path = f"/usr/share/doc/{package}/copyright"
    entry = image.tree.locate(path)
    if entry is None or entry.kind not in (Kind.FILE, Kind.HARDLINK):
        return NO_LICENCE
    entry = image.tree.content_entry(entry)
    if entry.content is None or entry.content.size > _MAX_COPYRIGHT:
        return NO_LICENCE
    return read_copyright(bytes(image.read(entry)), package)


def read_copyright(data: bytes, package: str) -> Licence:
    """The licence that a copyright file states for the package as a whole.

    All stanzas hold at once, so they are joined by AND; ``GPL-2+ or Artistic`` stays a choice.
    """
    if not _FORMAT.match(data):
        return NO_LICENCE
    terms: dict[str, None] = {}
    own: dict[str, str] = {}
    for match in _LICENCE.finditer(data):
        text = match.group(1).decode("utf-8", "replace").strip()
        term = _expression(text, package, own)
        if term is None:
            return NO_LICENCE
        terms[term] = None
    if not terms or len(terms) > _MAX_NAMES:
        return NO_LICENCE
    parts = sorted(terms)
    if len(parts) > 1:
        parts = [f"({part})" if " OR " in part else part for part in parts]
    used = tuple(sorted(own.items()))
    return Licence(" AND ".join(parts), used)


def _expression(text: str, package: str, own: dict[str, str]) -> str | None:
    """One ``License:`` field as an expression: names joined by ``and`` or ``or``, never both."""
    words = _WORDS.split(text)
    names = [word.strip() for word in words[::2]]
    joins = {(join or "and").upper() for join in words[1::2]}
    if len(joins) > 1 or not names:
        return None
    terms = []
    for name in names:
        term = _identifier(name) or _reference(name, package, own)
        if term is None:
            return None
        terms.append(term)
    return f" {joins.pop()} ".join(terms) if joins else terms[0]


def _identifier(name: str) -> str | None:
    plain = _PLAIN.get(name.lower())
    if plain:
        return plain
    match = _GNU.match(name)
    if match is None:
        return None
    family = f"{(match.group(1) or '').upper()}GPL"
    version = f"{match.group(2)}.{match.group(3) or '0'}"
    if version not in _GNU_VERSIONS[family]:
        return None
    return f"{family}-{version}-{'or-later' if match.group(4) else 'only'}"


def _reference(name: str, package: str, own: dict[str, str]) -> str | None:
    if not _NAME.match(name):
        return None
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", f"{package}-{name}")
    reference = f"LicenseRef-{plain}"
    own[reference] = f"{name}: the text stands in /usr/share/doc/{package}/copyright"
    return reference
