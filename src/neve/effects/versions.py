"""Versions of what edits a tree. Each changes whenever the same input would give other bytes; all
are part of a lock's rules. Apart from the rules themselves, so that reading them costs nothing.
"""

EFFECTS_VERSION = "1"
HARDEN_RULES_VERSION = "1"
PRUNE_RULES_VERSION = "1"
NEEDS_VERSION = "1"
