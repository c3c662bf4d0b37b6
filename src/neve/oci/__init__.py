"""Images: deterministic layers, configuration, layouts and archives."""
