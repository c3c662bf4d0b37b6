"""The measured attack surface of an image."""
