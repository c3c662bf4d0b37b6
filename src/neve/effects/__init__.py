"""Everything that edits a tree: package effects, accounts, hardening, pruning."""
