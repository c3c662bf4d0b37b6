"""Resolving: a request and signed indexes to the packages of an image. Pure; no file, no net."""

from neve.resolve.request import Chosen, Explanation, Request, Solution
from neve.resolve.resolve import resolve
from neve.resolve.universe import PackageSource, Source, Universe, archive_priority

__all__ = [
    "Chosen",
    "Explanation",
    "PackageSource",
    "Request",
    "Solution",
    "Source",
    "Universe",
    "archive_priority",
    "resolve",
]
