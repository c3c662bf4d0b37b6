"""The commands, one module a family. Each says what it needs, calls one verb, shows the result.

Nothing heavy is imported before a command runs: ``neve --help`` must answer at once.
"""
