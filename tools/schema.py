"""Writes what follows from the recipe's grammar: the JSON Schemas and the table of keys.

Run ``python tools/schema.py`` after changing the grammar; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path

from neve.recipe.grammar import RECIPE
from neve.recipe.schema import lock_schema, recipe_schema
from neve.recipe.shape import Either, Field, Flag, ListOf, MapOf, Record, Shape, Text, Whole

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "src" / "neve" / "recipe" / "schema"
REFERENCE = ROOT / "docs" / "reference" / "recipe.md"
BEGIN, END = "<!-- keys: written by tools/schema.py -->", "<!-- end of keys -->"


def schemas() -> dict[Path, str]:
    """The schema files and what stands in them."""
    made = {"recipe.json": recipe_schema(), "lock.json": lock_schema()}
    return {
        SCHEMAS / name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def reference(page: str) -> str:
    """``page`` with the table of keys between its two marks."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    rows = ["| key | value | |", "|---|---|---|", *key_rows(RECIPE, "")]
    return f"{before}{BEGIN}\n\n" + "\n".join(rows) + f"\n\n{END}{after}"


def key_rows(record: Record, prefix: str) -> list[str]:
    """One row of a table for each key of ``record`` and what lies below it."""
    rows: list[str] = []
    for field in record.fields:
        name = f"{prefix}{field.name}"
        required = " **Required.**" if field.required else ""
        doc = (field.doc + required).replace("|", "\\|")
        rows.append(f"| `{name}` | {_kind(field.shape)} | {doc} |")
        rows.extend(_below(field, name))
    return rows


def _below(field: Field, name: str) -> list[str]:
    shape = field.shape
    if isinstance(shape, ListOf):
        name, shape = f"{name}[]", shape.item
    elif isinstance(shape, MapOf):
        name, shape = f"{name}.*", shape.value
    if isinstance(shape, Either):
        shape = shape.long
    return key_rows(shape, f"{name}.") if isinstance(shape, Record) else []


def _kind(shape: Shape) -> str:
    match shape:
        case Text():
            example = f": {shape.example}" if shape.example else ""
            return f"{shape.what}{example}".replace("|", "\\|")
        case Whole():
            return f"{shape.what}, {shape.low}–{shape.high}"
        case Flag():
            return "`true`" if shape.only else "`true` or `false`"
        case ListOf():
            return f"list of: {_kind(shape.item)}"
        case MapOf():
            return f"map from {shape.key.what}"
        case Either():
            return f"{_kind(shape.short)}; or a map"
        case Record():
            return "map"
        case _:
            return ""


def main() -> None:
    """Write all of it."""
    SCHEMAS.mkdir(exist_ok=True)
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
    REFERENCE.write_text(reference(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
