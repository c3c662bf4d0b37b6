"""From a tree to an inventory."""
