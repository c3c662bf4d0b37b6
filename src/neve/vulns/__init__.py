"""Known vulnerabilities: feeds, one local index of them, and matching packages against it."""

from neve.vulns.types import (
    AFFECTED,
    SETTLED,
    Covered,
    Doubt,
    Evidence,
    Exploitability,
    Exploited,
    FeedState,
    Finding,
    ImportedReport,
    Level,
    Matched,
    NotJudged,
    Severity,
    State,
)

__all__ = [
    "AFFECTED",
    "SETTLED",
    "Covered",
    "Doubt",
    "Evidence",
    "Exploitability",
    "Exploited",
    "FeedState",
    "Finding",
    "ImportedReport",
    "Level",
    "Matched",
    "NotJudged",
    "Severity",
    "State",
]
