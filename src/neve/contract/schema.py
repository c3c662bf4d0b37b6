"""The contract's JSON Schema (draft 2020-12); ``contract.json`` beside it is what editors read."""

from __future__ import annotations

from typing import Any

from neve.contract.grammar import CONTRACT

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def contract_schema() -> dict[str, Any]:
    """What ``contract.yaml`` may say."""
    about = {
        "$schema": _DRAFT,
        "title": "neve contract",
        "description": "What an image must do.",
    }
    return about | CONTRACT.schema()
