"""The JSON Schemas that neve ships, for editors and other tools."""

from __future__ import annotations

from pathlib import Path

import neve
from neve.errors import UsageError

_FILES = {
    "recipe": "recipe/schema/recipe.json",
    "lock": "recipe/schema/lock.json",
    "contract": "contract/contract.json",
}
_RESULTS = "report/schema"
_RESULT = "result:"


def schema_text(document: str) -> str:
    """The shipped schema of ``recipe``, ``lock``, ``contract``, or of the result of a kind where
    none of these has that name (``lock``: ``result:lock`` is the result). ``UsageError`` for
    another.
    """
    known = schema_paths()
    if document not in known:
        raise UsageError(f"{document}: no such schema", resolution=f"There are {', '.join(known)}.")
    return known[document].read_text("utf-8")


def schema_paths() -> dict[str, Path]:
    """Every name that ``schema_text`` takes, and where that schema lies."""
    root = Path(neve.__file__).parent
    found = {name: root / relative for name, relative in _FILES.items()}
    for path in sorted((root / _RESULTS).glob("*.json")):
        found[f"{_RESULT}{path.stem}" if path.stem in found else path.stem] = path
    return found
