"""Every rule that a person may meet stands in the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.effects.harden import HARDEN_RULES
from neve.effects.harden_needs import NEEDS
from neve.effects.prune_rules import EMPTIED_RULE, HELPERS_RULE, PRUNE_RULES
from neve.resolve.drop_rules import DROP_RULES, ORPHAN_RULE

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


@pytest.mark.parametrize(
    "identifier",
    [
        *(rule.id for rule in HARDEN_RULES),
        *(rule.id for rule in (*PRUNE_RULES, HELPERS_RULE)),
        *(rule.id for rule in DROP_RULES),
        EMPTIED_RULE,
        ORPHAN_RULE,
    ],
)
def test_the_reference_lists_the_rule(identifier: str) -> None:
    assert f"| `{identifier}` |" in REFERENCE.read_text()


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.path)
def test_the_reference_lists_every_need_with_its_evidence(need: object) -> None:
    assert str(getattr(need, "path", "")) in REFERENCE.read_text()
    assert str(getattr(need, "evidence", "")) in REFERENCE.read_text()
