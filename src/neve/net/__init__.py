"""The only HTTP user."""
