"""Readers of feeds in their upstream formats: bytes in, `records` out, nothing kept."""
