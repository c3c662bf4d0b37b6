"""Files beside a recipe: found without leaving its directory, bounded, known by content.

Nothing of the host but bytes and the execute bit comes out of here: no owner, no umask, no
time. Imports neither YAML nor the grammar: the warm path checks a lock's sources with it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from neve.errors import UsageError
from neve.model import sha256_of
from neve.recipe.types import RecipeSource

MAX_FILE = 256 * 1024 * 1024
MAX_TREE = 512 * 1024 * 1024
MAX_ENTRIES = 20_000
CATALOGUE = "catalogue:"
_CATALOGUE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
Catalogue = Callable[[str], Path]
"""Finds a recipe that neve ships, by its name as ``debian-13/base``."""


class SourceRefusedError(Exception):
    """A file beside the recipe that can't be used; ``resolution`` says what to do."""

    def __init__(self, brief: str, resolution: str) -> None:
        super().__init__(brief)
        self.brief = brief
        self.resolution = resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceItem:
    """One thing under a source. ``path`` is relative to it (empty for a single file).

    Exactly one of ``data`` (a file's bytes), ``link`` (a symlink's target) and ``directory``
    is set.
    """

    path: str
    data: bytes | None = None
    link: str | None = None
    directory: bool = False
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file (one item) or a directory tree, and what a lock records of it."""

    items: tuple[SourceItem, ...]
    is_tree: bool
    recorded: RecipeSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRoot:
    """A directory that sources are looked for in, and how paths in it are recorded."""

    directory: Path
    prefix: str = ""

    def record_path(self, relative: str) -> str:
        """The path as a lock writes it: never absolute."""
        return self.prefix + str(PurePosixPath(os.path.normpath(relative).replace(os.sep, "/")))


def read_source(root: SourceRoot, relative: str, *, limit: int = MAX_FILE) -> Source:
    """The file of at most ``limit`` bytes, or tree, at ``relative``; raises
    ``SourceRefusedError``.
    """
    path = _inside(root.directory, relative)
    recorded = root.record_path(relative)
    if path.is_dir():
        items = tuple(_walk(path))
        listing = "".join(json.dumps(_line(item)) + "\n" for item in items).encode()
        size = sum(len(item.data) for item in items if item.data is not None)
        record = RecipeSource(path=recorded + "/", digest=sha256_of(listing), size=size)
        return Source(items=items, is_tree=True, recorded=record)
    item = _read_file(path, "", limit)
    data = item.data or b""
    record = RecipeSource(
        path=recorded, digest=sha256_of(data), size=len(data), executable=item.executable
    )
    return Source(items=(item,), is_tree=False, recorded=record)


def read_recipe_file(path: Path, recorded: str, *, limit: int) -> tuple[bytes, RecipeSource]:
    """A recipe's own bytes and record; raises ``SourceRefusedError``."""
    data = _bytes_of(path, limit)[0]
    return data, RecipeSource(path=recorded, digest=sha256_of(data), size=len(data))


def changed_sources(
    sources: tuple[RecipeSource, ...], recipe: Path, catalogue: Catalogue | None = None
) -> tuple[str, ...]:
    """The recorded paths whose files are not what was recorded, each with how (for people).

    ``recipe`` is the recipe's own path; its directory is where relative paths start.
    """
    changed = []
    for number, source in enumerate(sources):
        try:
            now = _recorded_now(source, recipe if number == 0 else None, recipe.parent, catalogue)
        except SourceRefusedError as refused:
            changed.append(f"{source.path}: {refused.brief}")
            continue
        if now.digest != source.digest:
            changed.append(f"{source.path}: changed")
        elif os.name == "posix" and source.executable not in (None, now.executable):
            changed.append(f"{source.path}: its execute bit changed")
    return tuple(changed)


def shipped_recipe(name: str, catalogue: Catalogue) -> Path:
    """The recipe that ``catalogue:NAME`` means; raises ``SourceRefusedError``."""
    if _CATALOGUE_NAME.fullmatch(name) is None:
        raise SourceRefusedError(
            f"{name[:80]!r} is no name in the catalogue", "Write it as catalogue:debian-13/base."
        )
    try:
        return catalogue(name)
    except UsageError as error:
        raise SourceRefusedError(error.brief, error.resolution) from None


def _recorded_now(
    source: RecipeSource, itself: Path | None, directory: Path, catalogue: Catalogue | None
) -> RecipeSource:
    path = source.path
    if itself is not None:
        return read_recipe_file(itself, path, limit=MAX_FILE)[1]
    if path.startswith(CATALOGUE):
        name, _, below = path.removeprefix(CATALOGUE).partition("//")
        if catalogue is None:
            raise SourceRefusedError("no catalogue to look in", "Install neve with its catalogue.")
        shipped = shipped_recipe(name, catalogue)
        if not below:
            return read_recipe_file(shipped, path, limit=MAX_FILE)[1]
        directory, path = shipped.parent, below
    if path.startswith("../") or path == "..":  # a base recipe beside or above this one
        target = directory / path
        return read_source(SourceRoot(directory=target.parent), target.name).recorded
    return read_source(SourceRoot(directory=directory), path.rstrip("/")).recorded


def _inside(directory: Path, relative: str) -> Path:
    """``relative`` below ``directory``, every link on the way followed and still inside."""
    try:
        root = directory.resolve(strict=True)
        path = (root / relative).resolve(strict=True)
    except FileNotFoundError:
        raise SourceRefusedError(
            f"{relative} does not exist", "Create it or correct the path."
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceRefusedError(
            f"{relative} cannot be read: {_cause(error)}", "Correct it."
        ) from None
    if path == root:
        raise SourceRefusedError(
            f"{relative} is the recipe's whole directory",
            "Put what the image needs in one below it.",
        )
    if root not in path.parents:
        raise SourceRefusedError(
            f"{relative} leaves the recipe's directory", "Copy it beside the recipe."
        )
    return path


def _walk(top: Path) -> Iterator[SourceItem]:
    """Everything below ``top`` in path order, parents first."""
    found: list[tuple[tuple[str, ...], os.DirEntry[str]]] = []
    todo: list[tuple[tuple[str, ...], Path]] = [((), top)]
    while todo:
        parts, directory = todo.pop()
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    below = (*parts, _portable(entry.name))
                    found.append((below, entry))
                    if entry.is_dir(follow_symlinks=False):
                        todo.append((below, Path(entry.path)))
        except OSError as error:
            name = "/".join(parts) or top.name
            raise SourceRefusedError(
                f"{name} cannot be read: {_cause(error)}", "Correct it."
            ) from None
        if len(found) > MAX_ENTRIES:
            raise SourceRefusedError(f"more than {MAX_ENTRIES} files", "Name a smaller directory.")
    total = 0
    for parts, entry in sorted(found, key=lambda pair: pair[0]):
        item = _item("/".join(parts), entry)
        total += len(item.data or b"")
        if total > MAX_TREE:
            raise SourceRefusedError(f"larger than {MAX_TREE} bytes", "Name a smaller directory.")
        yield item


def _item(path: str, entry: os.DirEntry[str]) -> SourceItem:
    if entry.is_symlink():
        target = str(Path(entry.path).readlink()).replace(os.sep, "/")
        landed = os.path.normpath(str(PurePosixPath(path).parent / target)).replace(os.sep, "/")
        if target.startswith("/") or landed == ".." or landed.startswith("../"):
            brief = f"{path} is a link that leaves the directory ({target})"
            raise SourceRefusedError(brief, "Write it in files: as {link: …}, or copy the file.")
        return SourceItem(path=path, link=_portable(target))
    if entry.is_dir(follow_symlinks=False):
        return SourceItem(path=path, directory=True)
    return _read_file(Path(entry.path), path)


def _read_file(path: Path, name: str, limit: int = MAX_FILE) -> SourceItem:
    data, executable = _bytes_of(path, limit)
    return SourceItem(path=name, data=data, executable=executable)


def _bytes_of(path: Path, limit: int) -> tuple[bytes, bool]:
    """A regular file's bytes and execute bit; a pipe or device is never opened for long."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceRefusedError(
                f"{path.name} is not a regular file", "Name a file or directory."
            )
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SourceRefusedError(f"{path.name} is not a regular file", "Name a file.")
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise SourceRefusedError(
            f"{path.name} does not exist", "Create it or correct the path."
        ) from None
    except (OSError, ValueError) as error:
        raise SourceRefusedError(
            f"{path.name} cannot be read: {_cause(error)}", "Correct it."
        ) from None
    if len(data) > limit:
        raise SourceRefusedError(f"{path.name} is larger than {limit} bytes", "Use a smaller file.")
    return data, os.name == "posix" and bool(status.st_mode & 0o100)


def _portable(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SourceRefusedError(f"{name!a} is not UTF-8", "Rename the file.") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise SourceRefusedError(f"{name!a} holds a control character", "Rename the file.")
    return name


def _line(item: SourceItem) -> list[object]:
    if item.directory:
        return ["directory", item.path]
    if item.link is not None:
        return ["link", item.path, item.link]
    kind = "program" if item.executable else "file"
    return [kind, item.path, str(sha256_of(item.data or b""))]


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
