"""``push``, ``pull``, ``copy`` and ``tags`` as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neve.report.table import size_text, wrapped

if TYPE_CHECKING:
    from neve.verbs.tags import TagsResult
    from neve.verbs.transfers import TransferResult


def transfer_text(result: TransferResult, width: int) -> str:
    """What lies where now, by which digest, and what it took."""
    tags = ", ".join(result.tags)
    text = wrapped(f"{result.source} → {result.target}" + (f" ({tags})" if tags else ""), width)
    text += f"digest:     {result.digest}\n"
    if result.platforms:
        text += wrapped(f"platforms:  {', '.join(map(str, result.platforms))}", width, indent=12)
    text += f"referrers:  {result.referrers}\n"
    parts = [f"{result.blobs_moved} moved ({size_text(result.size)})"]
    if result.blobs_mounted:
        parts.append(f"{result.blobs_mounted} mounted")
    if result.blobs_present:
        parts.append(f"{result.blobs_present} there already")
    return text + f"blobs:      {', '.join(parts)}\n"


def tags_text(result: TagsResult) -> str:
    """One tag a line, for pipes; nothing else."""
    return "".join(f"{tag}\n" for tag in result.tags)
