"""Resolving: a request and signed indexes to the packages of an image. Pure; no file, no net."""

from neve.resolve.drop import Reduced, drop_maintainer_only
from neve.resolve.request import Chosen, Explanation, Request, Solution
from neve.resolve.resolve import resolve
from neve.resolve.universe import PackageSource, Source, Universe, archive_priority

__all__ = [
    "Chosen",
    "Explanation",
    "PackageSource",
    "Reduced",
    "Request",
    "Solution",
    "Source",
    "Universe",
    "archive_priority",
    "drop_maintainer_only",
    "resolve",
]
