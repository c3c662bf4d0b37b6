"""Package-urls: how any tool names a package of any kind.

Writes them only. Source: the package-url specification (PURL-SPECIFICATION.rst, PURL-TYPES.rst)
and, for what distributions add to it, the qualifiers that syft and trivy write.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

_LOWER_NAMES = frozenset(("pypi", "composer", "npm", "apk", "hex", "pub", "bitnami"))
_LOWER_NAMESPACES = frozenset(("pypi", "composer", "apk", "hex"))


def package_url(
    type_: str,
    name: str,
    version: str = "",
    *,
    namespace: str = "",
    qualifiers: Mapping[str, str] | None = None,
    subpath: str = "",
) -> str:
    """``pkg:type/namespace/name@version?qualifiers#subpath`` in its one canonical form.

    ``namespace`` may have several segments (``@scope``, ``github.com/owner``). Qualifiers
    without a value are left out, the others sorted. "" for a package without a name.
    """
    if type_ in _LOWER_NAMES:
        name = name.lower()
    if type_ in _LOWER_NAMESPACES:
        namespace = namespace.lower()
    if type_ == "pypi":
        name = name.replace("_", "-")
    name = _quoted(name.strip().strip("/"))
    if not name:
        return ""
    segments = [_quoted(part) for part in namespace.strip().split("/") if part.strip()]
    text = "/".join((f"pkg:{type_}", *segments, name))
    if version.strip():
        text += f"@{_quoted(version.strip())}"
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value.strip())
    if pairs:
        text += "?" + "&".join(f"{key}={_quoted(value)}" for key, value in pairs)
    parts = [_quoted(part) for part in subpath.split("/") if part not in ("", ".", "..")]
    return text + (f"#{'/'.join(parts)}" if parts else "")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=":")
