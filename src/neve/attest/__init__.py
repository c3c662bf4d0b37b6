"""Attestations of an image: SPDX, CycloneDX, SLSA provenance, and the build record."""
