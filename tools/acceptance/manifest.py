"""A root file system as comparable data: one node a path, owners by name."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Node:
    """What is compared of one path."""

    kind: str
    mode: int
    owner: str
    group: str
    target: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every path's node, and the account files as text."""

    nodes: dict[str, Node]
    texts: dict[str, str]

    def dump(self, path: Path) -> None:
        """Write as JSON."""
        document = {
            "nodes": {name: list(asdict(node).values()) for name, node in self.nodes.items()},
            "texts": self.texts,
        }
        path.write_text(json.dumps(document), encoding="utf-8", errors="surrogatepass")

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read what ``dump`` wrote."""
        document = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
        nodes = {name: Node(*values) for name, values in document["nodes"].items()}
        return cls(nodes=nodes, texts=document["texts"])


def read_root(root: Path) -> Manifest:
    """The manifest of a directory that holds a root file system; needs root to read it all."""
    texts = {
        f"/etc/{name}": (root / "etc" / name).read_text(encoding="utf-8")
        for name in ("passwd", "group")
    }
    users, groups = _ids(texts["/etc/passwd"]), _ids(texts["/etc/group"])
    nodes: dict[str, Node] = {}
    todo = ["/"]
    while todo:
        here = todo.pop()
        with os.scandir(root / here.lstrip("/")) as entries:
            for entry in entries:
                path = f"{here.rstrip('/')}/{entry.name}"
                state = entry.stat(follow_symlinks=False)
                nodes[path] = _node(Path(entry.path), state, users, groups)
                if entry.is_dir(follow_symlinks=False) and path not in ("/proc", "/sys", "/dev"):
                    todo.append(path)
    return Manifest(nodes=nodes, texts=texts)


def _node(
    place: Path, state: os.stat_result, users: dict[int, str], groups: dict[int, str]
) -> Node:
    owner = users.get(state.st_uid, str(state.st_uid))
    group = groups.get(state.st_gid, str(state.st_gid))
    mode = stat.S_IMODE(state.st_mode)
    if stat.S_ISLNK(state.st_mode):
        return Node("symlink", 0o777, owner, group, str(place.readlink()), None)
    if stat.S_ISDIR(state.st_mode):
        return Node("directory", mode, owner, group, None, None)
    if stat.S_ISREG(state.st_mode):
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        return Node("file", mode, owner, group, None, digest)
    return Node("special", mode, owner, group, None, None)


def _ids(text: str) -> dict[int, str]:
    rows = [line.split(":") for line in text.split("\n") if line.count(":") >= 2]
    return {int(row[2]): row[0] for row in reversed(rows)}
