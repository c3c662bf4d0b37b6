"""Python bytecode for a finished tree: the one thing a build runs, in the sandbox, and cached.

Compiled per source file: the result depends on interpreter version, path, mtime and source
alone, so another image with the same file never compiles it again, whatever its architecture.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neve.build.steps import Step, StepKind
from neve.build.tree import Assembly
from neve.errors import ToolError
from neve.model import Origin, Reason
from neve.sandbox.bytecode import BYTECODE_VERSION, PythonSource, cached_path, compile_python
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Put, Tree

_INTERPRETER = re.compile(r"/usr/bin/python3\.(\d+)")
_LIBRARY = re.compile(r"/usr/(?:lib|local/lib)/python3(?:\.(\d+))?/")

Reader = Callable[[FileEntry], "bytes | memoryview"]


@dataclass(frozen=True, slots=True)
class _Work:
    """The sources one interpreter compiles, and the package that ships the interpreter."""

    interpreter: FileEntry
    identity: str
    sources: tuple[FileEntry, ...]


def add_bytecode(
    tree: Tree,
    *,
    store: Store,
    read: Reader,
    host: Callable[[], Assembly | None],
    jobs: int | None,
) -> None:
    """Put a ``.pyc`` beside every Python source of the standard directories.

    ``host`` gives the tree of the same lock for this machine's architecture, for when ``tree``'s
    own interpreter can't run here. Raises ``ToolError`` where no identical version can.
    """
    for work in _work(tree, read):
        known = {entry.path: _recall(store, work, entry) for entry in work.sources}
        missing = [entry for entry in work.sources if known[entry.path] is None]
        if missing:
            known |= _compile(work, missing, store=store, read=read, host=host, jobs=jobs)
        tag = f"cpython-3{_minor(work.interpreter)}"
        for entry in work.sources:
            data = known[entry.path]
            if data:
                tree.apply(Put(_entry(entry, cached_path(entry.path, tag), data)))


def _work(tree: Tree, read: Reader) -> Iterable[_Work]:
    interpreters = [
        entry
        for entry in tree.under("/usr/bin")
        if entry.kind is Kind.FILE and _INTERPRETER.fullmatch(entry.path)
    ]
    newest = max((_minor(entry) for entry in interpreters), default=-1)
    for interpreter in interpreters:
        minor = _minor(interpreter)
        sources = tuple(
            entry
            for entry in tree
            if entry.path.endswith(".py")
            and entry.kind is Kind.FILE
            and _belongs(entry.path, minor, newest)
        )
        if sources:
            yield _Work(interpreter, _identity(tree, minor, read), sources)


def _belongs(path: str, minor: int, newest: int) -> bool:
    match = _LIBRARY.match(path)
    if match is None:
        return False
    return int(match[1]) == minor if match[1] else minor == newest


def _minor(interpreter: FileEntry) -> int:
    match = _INTERPRETER.fullmatch(interpreter.path)
    return int(match[1]) if match else -1


def _identity(tree: Tree, minor: int, read: Reader) -> str:
    """What decides the compiler's output: the exact version, as the package database says it."""
    entry = tree.get(f"/var/lib/dpkg/status.d/python3.{minor}-minimal")
    if entry is None:
        return f"3.{minor}"
    text = bytes(read(entry)).decode("utf-8", "replace")
    match = re.search(r"^Version: (\S+)$", text, re.MULTILINE)
    return match[1] if match else f"3.{minor}"


def _step(work: _Work, entry: FileEntry) -> Step:
    content = entry.content
    inputs = (
        BYTECODE_VERSION,
        work.interpreter.path,
        work.identity,
        entry.path,
        str(entry.mtime),
        str(content.digest if content is not None else ""),
    )
    return Step(kind=StepKind.BYTE_COMPILE, inputs=inputs, reason="imports start from bytecode")


def _recall(store: Store, work: _Work, entry: FileEntry) -> bytes | None:
    return store.action(_step(work, entry).id)


def _compile(
    work: _Work,
    missing: Sequence[FileEntry],
    *,
    store: Store,
    read: Reader,
    host: Callable[[], Assembly | None],
    jobs: int | None,
) -> dict[str, bytes | None]:
    runnable = host()
    if (
        runnable is None
        or _identity(runnable.tree, _minor(work.interpreter), read) != work.identity
    ):
        raise ToolError(
            f"no python {work.identity} for this machine, so its sources can't be compiled here",
            resolution="Add this machine's platform to the recipe's `platforms:` (the same lock "
            "then has the interpreter), or write `bytecode: false`.",
        )
    folder = Path(tempfile.mkdtemp(prefix="neve-python-"))
    try:
        _materialise(runnable.tree, folder, read)
        result = compile_python(
            folder,
            work.interpreter.path,
            [PythonSource(path=e.path, mtime=e.mtime, data=read(e)) for e in missing],
            jobs=jobs,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, bytes | None] = {}
    for entry in missing:
        data = result.compiled.get(entry.path, b"")
        store.remember(_step(work, entry).id, data)
        found[entry.path] = data
    return found


_NEEDED = re.compile(
    r"/(?:usr/)?(?:lib|lib64)/(?:[a-z0-9_]+-linux-[a-z]+/)?[^/]*\.so[^/]*"
    r"|/usr/lib/python3\.\d+/.*|/usr/bin/python3\.\d+"
)


def _materialise(tree: Tree, folder: Path, read: Reader) -> None:
    """Write what the interpreter needs to run: itself, its library and shared objects."""
    for entry in tree:
        if not _NEEDED.fullmatch(entry.path) and entry.path.count("/") > 1:
            continue
        target = folder / entry.path.lstrip("/")
        if entry.kind is Kind.SYMLINK:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(entry.target or "")
        elif entry.kind is Kind.FILE and not entry.path.endswith(".pyc"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read(entry))
            target.chmod(0o755 if entry.mode & 0o111 else 0o644)


def _entry(source: FileEntry, path: str, data: bytes) -> FileEntry:
    name = min(source.owners, default="")
    origin = Origin.PACKAGE if name else source.reason.origin
    return FileEntry(
        path=path,
        kind=Kind.FILE,
        mode=0o644,
        mtime=source.mtime,
        content=Inline(data),
        owners=source.owners,
        reason=Reason(origin, name or source.reason.subject, f"byte-compiled {source.path}"),
    )
