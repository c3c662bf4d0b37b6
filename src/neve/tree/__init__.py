"""The image's files as a model in memory: entries, edits, and resolving inside the root."""

from neve.tree.edit import Change, Edit, Put, Remove
from neve.tree.entry import SPECIAL_KINDS, Blob, Content, FileEntry, Inline, Kind, Slice
from neve.tree.tree import Tree

__all__ = [
    "SPECIAL_KINDS",
    "Blob",
    "Change",
    "Content",
    "Edit",
    "FileEntry",
    "Inline",
    "Kind",
    "Put",
    "Remove",
    "Slice",
    "Tree",
]
