"""From a recipe and an index to a lock. Pure."""
