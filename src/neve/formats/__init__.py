"""Package formats, read without the distribution's own tools."""
