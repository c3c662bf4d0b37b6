"""What three unrelated rooms need: digests, platforms, reasons, verdicts."""

from neve.model.digest import Digest, sha256_of
from neve.model.platform import Platform
from neve.model.reason import Origin, Reason
from neve.model.verdict import Check, Fail, Pass, Skipped, Verdict, Waived, Waiver

__all__ = [
    "Check",
    "Digest",
    "Fail",
    "Origin",
    "Pass",
    "Platform",
    "Reason",
    "Skipped",
    "Verdict",
    "Waived",
    "Waiver",
    "sha256_of",
]
