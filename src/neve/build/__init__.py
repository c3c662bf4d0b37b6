"""From a lock to steps, a tree and an image."""
