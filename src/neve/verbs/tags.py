"""``neve tags``: what a repository of a registry holds, by tag."""

from __future__ import annotations

from dataclasses import dataclass

from neve.oci.reference import Reference
from neve.verbs.context import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsResult:
    """A repository's tags, sorted."""

    repository: str
    tags: tuple[str, ...]


def list_tags(repository: str, workspace: Workspace) -> TagsResult:
    """Ask the registry for all tags."""
    reference = Reference.parse(repository)
    workspace.progress.stage(f"asking {reference.registry} for tags")
    tags = workspace.registries.repository(reference).tags()
    return TagsResult(repository=reference.name, tags=tags)
