"""Attestations of an image: SPDX, CycloneDX, SLSA provenance, and the build record."""

from neve.attest.cyclonedx import cyclonedx
from neve.attest.provenance import provenance
from neve.attest.record import BuildRecord, RecordedPath, read_record, record
from neve.attest.spdx import spdx
from neve.attest.subject import ATTEST_VERSION, AttestedImage

__all__ = [
    "ATTEST_VERSION",
    "AttestedImage",
    "BuildRecord",
    "RecordedPath",
    "cyclonedx",
    "provenance",
    "read_record",
    "record",
    "spdx",
]
