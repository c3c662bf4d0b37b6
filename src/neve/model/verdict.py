"""Verdicts: what a check returns. Never a bare boolean; "not checked" is never a pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An exception with an owner, a reason and an absolute expiry date."""

    rule: str
    subject: str
    reason: str
    owner: str
    expires: date


@dataclass(frozen=True, slots=True)
class Pass:
    """The check ran and held; ``evidence`` says what was seen."""

    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """The check ran and did not hold."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The check could not run."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waived:
    """The check failed and somebody answers for it."""

    waiver: Waiver
    failure: Fail


Verdict = Pass | Fail | Skipped | Waived


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule applied to one subject."""

    rule: str
    subject: str
    verdict: Verdict
