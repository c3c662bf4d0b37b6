"""The content store and action cache on the local disk."""
