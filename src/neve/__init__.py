"""neve: the open, self-hosted process that hardens each container as it is."""

__version__ = "0.1.0.dev0"
