"""Recipes and locks: types, strict reading, schema, typed edits."""
