"""Which scripts an image really runs, as far as its own files tell.

A script is *reached* when the recipe names it, the recipe brought it, or a reached script or a
kept configuration file names its path. Everything else that is executable is auxiliary: a tool
that stands there because its package ships it. Only reads; changes nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neve.effects.harden_model import HardenContext
from neve.effects.prune_patterns import Patterns
from neve.model import Origin
from neve.tree import FileEntry, Inline, Kind, Tree

_SEARCHED = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)
_PATH = re.compile(rb"(?<![\w./-])/(?:[\w.+@:-]+/)*[\w.+@:-]+")
_COMMENT = re.compile(rb"^\s*(?:#|;|//|--).*$", re.MULTILINE)
_MAX_READ = 1 << 20
_CONFIGURATION = Patterns(("/etc/**",))
_AVAILABLE = Patterns(("/etc/**/*-available",))
"""Configuration that is read only where a link enables it (``mods-available``)."""
_ENV = ("/usr/bin/env", "/bin/env")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An executable script of the tree; ``source`` holds its bytes (another name of a hard
    link, or ``entry`` itself). ``interpreter`` is the path its shebang asks for, links
    not followed; ``program`` its base name (``sh``, ``perl``).
    """

    entry: FileEntry
    source: FileEntry
    interpreter: str
    program: str


def scripts_of(tree: Tree, context: HardenContext) -> dict[str, Script]:
    """The executable scripts of the tree by path: those known from packages, and those written
    by effects and the recipe.
    """
    found: dict[str, Script] = {}
    for entry in tree:
        if entry.kind not in (Kind.FILE, Kind.HARDLINK):
            continue
        source = tree.content_entry(entry)
        if not source.mode & 0o111:
            continue
        words = context.scripts.get(entry.path) or context.scripts.get(source.path)
        if words is None and isinstance(source.content, Inline):
            words = shebang(source.content.data)
        if words:
            found[entry.path] = _script(entry, source, words)
    return found


def shebang(data: bytes) -> tuple[str, ...] | None:
    """The words after ``#!``, or ``None`` for anything but a script."""
    if not data.startswith(b"#!"):
        return None
    line = data[2:512].split(b"\n", 1)[0].decode("utf-8", "replace")
    return tuple(line.split()) or None


def _script(entry: FileEntry, source: FileEntry, words: tuple[str, ...]) -> Script:
    program = words[0]
    if program in _ENV:
        arguments = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
        program = arguments[0] if arguments else program
    name = posixpath.basename(program)
    return Script(entry=entry, source=source, interpreter=program, program=name)


def find_program(tree: Tree, name: str) -> str | None:
    """The path that running ``name`` starts, links followed; looked up as PATH would be."""
    places = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in _SEARCHED]
    for place in places:
        entry = tree.locate(place)
        if entry is not None and entry.kind in (Kind.FILE, Kind.HARDLINK):
            return entry.path
    return None


def reached_scripts(
    tree: Tree, scripts: dict[str, Script], context: HardenContext
) -> dict[str, str]:
    """Path → why it is reached, for the scripts that the image runs."""
    reached: dict[str, str] = {}
    todo: list[str] = []

    def reach(path: str, why: str) -> None:
        if path in scripts and path not in reached:
            reached[path] = why
            todo.append(path)

    for name, why in _named_by_recipe(context):
        program = find_program(tree, name)
        if program is not None:
            reach(program, why)
    keep = Patterns(context.keep)
    for path, script in scripts.items():
        if script.entry.reason.origin is Origin.RECIPE:
            reach(path, "the recipe adds it")
        elif keep and keep.match(path):
            reach(path, "the recipe keeps it")
    for entry in _configuration(tree, scripts):
        for mentioned in _mentions(entry, context):
            reach(tree.resolve(mentioned), f"{entry.path} names it")
    while todo:
        path = todo.pop()
        for mentioned in _mentions(scripts[path].source, context):
            reach(tree.resolve(mentioned), f"{path} runs it")
    return reached


def _named_by_recipe(context: HardenContext) -> Iterator[tuple[str, str]]:
    run = context.run
    check = run.health_check.command if run.health_check else ()
    for words, why in (
        (run.entrypoint, "run.entrypoint"),
        (run.command, "run.command"),
        (check, "run.health_check"),
    ):
        for position, word in enumerate(words):
            if word.startswith("/") or position == 0:
                yield word, f"{why} names it"
    for name, value in run.environment:
        for word in value.split(":"):
            if word.startswith("/"):
                yield word, f"run.environment {name} names it"


def _configuration(tree: Tree, scripts: dict[str, Script]) -> Iterable[FileEntry]:
    linked = {
        tree.resolve(entry.path)
        for entry in tree
        if entry.kind is Kind.SYMLINK and entry.path.startswith("/etc/")
    }
    for entry in tree:
        if entry.kind is not Kind.FILE or entry.path in scripts:
            continue
        idle = _AVAILABLE.match(entry.path) and entry.path not in linked
        if entry.reason.origin is Origin.RECIPE or (_CONFIGURATION.match(entry.path) and not idle):
            yield entry


def _mentions(entry: FileEntry, context: HardenContext) -> list[str]:
    """The absolute paths that a text names outside its comments, in order."""
    content = entry.content
    if content is None or content.size > _MAX_READ:
        return []
    if isinstance(content, Inline):
        data = content.data
    elif context.read is not None:
        data = bytes(context.read(entry))
    else:
        return []
    if b"\0" in data[:1024]:
        return []
    found = _PATH.findall(_COMMENT.sub(b"", data))
    return [path.decode("ascii", "replace") for path in dict.fromkeys(found)]
