"""Generators: what is computed from the finished tree. One module a family, one table."""
