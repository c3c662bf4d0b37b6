"""``glob(3)`` on a tree: what configuration files include and wildcards name."""

from __future__ import annotations

import fnmatch
import posixpath

from neve.tree import Tree

_WILD = frozenset("*?[")


def matches(tree: Tree, pattern: str) -> list[str]:
    """The paths of ``tree`` that an absolute pattern means, sorted as in the C locale.

    Wildcards match no leading dot and no slash; links of directories are followed.
    """
    found = ["/"]
    for component in posixpath.normpath(pattern).strip("/").split("/"):
        following: list[str] = []
        for directory in found:
            if not _WILD & set(component):
                path = posixpath.join(directory, component)
                if tree.get(tree.resolve(path, follow_last=False)) is not None:
                    following.append(path)
                continue
            for name in tree.children(tree.resolve(directory)):
                hidden = name.startswith(".") and not component.startswith(".")
                if not hidden and fnmatch.fnmatchcase(name, component):
                    following.append(posixpath.join(directory, name))
        found = following
    return sorted(found, key=lambda path: path.encode("utf-8", "surrogateescape"))
