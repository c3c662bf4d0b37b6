"""The JSON Schemas of recipe and lock: shipped as files, and what generates them."""

from neve.recipe.schema.generate import lock_schema, recipe_schema

__all__ = ["lock_schema", "recipe_schema"]
