"""Writes the contract's JSON Schema from its grammar; a test compares."""

from __future__ import annotations

import json
from pathlib import Path

from neve.contract.schema import contract_schema

SHIPPED = Path(__file__).resolve().parents[1] / "src" / "neve" / "contract" / "contract.json"


def main() -> None:
    """Write it."""
    text = json.dumps(contract_schema(), indent=1, ensure_ascii=False) + "\n"
    SHIPPED.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
