"""SBOMs, provenance and the build record."""
