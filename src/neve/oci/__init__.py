"""Images: deterministic layers, OCI documents, layouts and archives, and reading them back."""
