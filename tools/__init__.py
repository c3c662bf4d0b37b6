"""Developer tools: demo, acceptance, documentation."""
