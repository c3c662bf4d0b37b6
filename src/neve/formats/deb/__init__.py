"""Debian's package format: archives, indexes, relations, versions, the installed database."""
