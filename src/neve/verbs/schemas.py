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


def schema_text(document: str) -> str:
    """The shipped schema of ``recipe``, ``lock`` or ``contract``; ``UsageError`` for another."""
    relative = _FILES.get(document)
    path = Path(neve.__file__).parent / relative if relative is not None else None
    if path is None or not path.is_file():
        raise UsageError(
            f"{document}: no such schema", resolution=f"There are {', '.join(_FILES)}."
        )
    return path.read_text("utf-8")
