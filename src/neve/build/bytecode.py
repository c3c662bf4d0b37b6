"""Python bytecode for a finished tree: the one thing a build runs, in the sandbox, and cached.

What is compiled and where it goes is decided in ``effects.bytecode``; this runs the interpreter.
Results are kept per package: what a package's sources compile to depends on their paths, times
and content and on the interpreter that ran, by its bytes: a version is only what its package
says of itself, and one archive's must not answer for another's.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from neve.build.steps import Step, StepKind
from neve.build.tree import Assembly
from neve.effects.bytecode import BytecodePlan, BytecodeSource, bytecode_edits, bytecode_plan
from neve.errors import ToolError
from neve.formats.elf import read_elf
from neve.model import Digest, sha256_of
from neve.sandbox.bytecode import BYTECODE_VERSION, PythonSource, compile_python
from neve.store import Store
from neve.tree import Content, FileEntry, Kind, Slice, Tree

Reader = Callable[[FileEntry], "bytes | memoryview"]
Host = Callable[[], Assembly | None]


def add_bytecode(
    assembly: Assembly, *, store: Store, read: Reader, host: Host, jobs: int | None
) -> None:
    """Put a ``.pyc`` beside every Python source of the directories that packages compile.

    ``host`` gives the tree of the same lock for this machine's architecture, whose interpreter
    can run here. Raises ``ToolError`` where none of the identical version can.
    """
    tree = assembly.tree
    plans = [p for p in bytecode_plan(tree, assembly.bytecode_directories) if p.sources]
    runnable = host() if plans else None
    for plan in plans:
        root = _runnable(runnable, plan, _exact_version(tree, plan, read), read)
        results: dict[str, Content] = {}
        missing: list[_Group] = []
        for group in _groups(plan, _compiler(root, plan.interpreter, read)):
            known = group.recall(store)
            if known is None:
                missing.append(group)
            else:
                results |= known
        if missing:
            results |= _compile(plan, missing, tree, root, store=store, read=read, jobs=jobs)
        tree.apply_all(bytecode_edits(plan, results))


class _Group:
    """The sources of one package that one interpreter compiles."""

    def __init__(self, compiler: Digest, sources: Sequence[BytecodeSource]) -> None:
        self.sources = sources
        listed = [f"{s.path} {s.mtime} {s.digest}" for s in sources]
        self._step = Step(
            kind=StepKind.BYTE_COMPILE, inputs=(BYTECODE_VERSION, str(compiler), *listed)
        ).id

    def recall(self, store: Store) -> dict[str, Content] | None:
        noted = store.action(self._step)
        if noted is None:
            return None
        try:
            document = json.loads(noted)
            blob = Digest.parse(document["blob"])
            found: dict[str, Content] = {
                path: Slice(blob, offset, size, Digest.parse(digest), sha1)
                for path, (offset, size, digest, sha1) in document["files"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return found if store.sound(blob) else None

    def keep(self, store: Store, compiled: Mapping[str, bytes]) -> dict[str, Content]:
        """Store the results one after another as one blob, and note where each begins."""
        paths = [source.path for source in self.sources if source.path in compiled]
        data = b"".join(compiled[path] for path in paths)
        blob = store.put(data)
        rows: dict[str, list[object]] = {}
        found: dict[str, Content] = {}
        offset = 0
        for path in paths:
            one = compiled[path]
            digest = Digest("sha256", hashlib.sha256(one).hexdigest())
            sha1 = hashlib.sha1(one, usedforsecurity=False).hexdigest()
            rows[path] = [offset, len(one), str(digest), sha1]
            found[path] = Slice(blob, offset, len(one), digest, sha1)
            offset += len(one)
        document = {"blob": str(blob), "files": rows}
        store.remember(self._step, json.dumps(document, separators=(",", ":")).encode())
        return found


def _groups(plan: BytecodePlan, compiler: Digest) -> Iterable[_Group]:
    by_package: dict[str, list[BytecodeSource]] = {}
    for source in plan.sources:
        by_package.setdefault(source.package, []).append(source)
    for package in sorted(by_package):
        yield _Group(compiler, by_package[package])


def _exact_version(tree: Tree, plan: BytecodePlan, read: Reader) -> str:
    """What two architectures' interpreters must share: their package's version."""
    own, all_of_them = f"/var/lib/dpkg/status.d/{plan.package}", "/var/lib/dpkg/status"
    entry = tree.get(own) or tree.get(all_of_them)
    text = bytes(read(entry)).decode("utf-8", "replace") if entry is not None else ""
    paragraph = rf"^Package: {re.escape(plan.package)}\n(?:.+\n)*?Version: (\S+)$"
    match = re.search(paragraph, text, re.MULTILINE)
    return match[1] if match else plan.version


def _runnable(host: Assembly | None, plan: BytecodePlan, version: str, read: Reader) -> Tree:
    if host is not None and _exact_version(host.tree, plan, read) == version:
        return host.tree
    raise ToolError(
        f"no Python {version} for this machine, so its sources can't be compiled here",
        resolution="Add this machine's platform to the recipe's `platforms:` (the same lock then "
        "has the interpreter), or write `bytecode: false`.",
    )


def not_compiled(error: ToolError) -> ToolError:
    """The sandbox's error with what it means for a build, and the way to do without it."""
    return ToolError(
        f"Python can't be byte-compiled here: {error.brief}",
        details=error.details,
        resolution=f"{error.resolution} To build without a sandbox, write `bytecode: false` in the "
        "recipe: Python then compiles at every start.",
    )


def _compile(
    plan: BytecodePlan,
    groups: Sequence[_Group],
    tree: Tree,
    runnable: Tree,
    *,
    store: Store,
    read: Reader,
    jobs: int | None,
) -> dict[str, Content]:
    sources = [
        PythonSource(path=s.path, mtime=s.mtime, data=read(tree.content_entry(tree[s.path])))
        for group in groups
        for s in group.sources
    ]
    folder = Path(tempfile.mkdtemp(prefix="neve-python-"))
    try:
        _materialise(runnable, plan.interpreter, folder, read)
        compiled = compile_python(folder, plan.interpreter, sources, jobs=jobs).compiled
    except ToolError as error:
        raise not_compiled(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, Content] = {}
    for group in groups:
        found |= group.keep(store, compiled)
    return found


_LIBRARIES = re.compile(r"/usr/lib(?:64|/[a-z0-9_]+-linux-[a-z]+)?")


def _materialise(tree: Tree, interpreter: str, folder: Path, read: Reader) -> None:
    """Write what the interpreter needs to start."""
    for entry in _top_links(tree):
        (folder / entry.path.lstrip("/")).symlink_to(entry.target or "")
    for path in _needed(tree, interpreter, read):
        _write(tree, path, folder, read)


def _compiler(tree: Tree, interpreter: str, read: Reader) -> Digest:
    """What decides the compiler's output: every byte that it starts from."""
    lines = [f"{entry.path} -> {entry.target}" for entry in _top_links(tree)]
    for path in sorted(_needed(tree, interpreter, read)):
        content = tree.content_entry(tree[tree.resolve(path)]).content
        lines.append(f"{path} {content.digest if content is not None else ''}")
    return sha256_of("\n".join([interpreter, *lines]).encode("utf-8", "surrogateescape"))


def _top_links(tree: Tree) -> list[FileEntry]:
    """Merged-/usr: /lib64 is where the loader is looked for."""
    return [e for e in tree if e.kind is Kind.SYMLINK and e.path.count("/") == 1]


def _needed(tree: Tree, interpreter: str, read: Reader) -> Iterable[str]:
    """The interpreter, what it is linked with, and the modules of the package that Debian calls
    its minimal library.
    """
    yield from _linked(tree, interpreter, read)
    home = posixpath.join("/usr/lib", posixpath.basename(interpreter))
    landmark = tree.get(f"{home}/os.py")  # what Python finds its library by
    minimal = set(landmark.owners) if landmark is not None else set()
    for entry in tree.under(home):
        ours = entry.path.endswith(".py") and minimal & set(entry.owners)
        if ours and _is_file(tree.locate(entry.path)):
            yield entry.path


def _linked(tree: Tree, interpreter: str, read: Reader) -> Iterable[str]:
    """The interpreter, its loader and the shared libraries that their headers name."""
    directories = [
        e.path for e in tree if e.kind is Kind.DIRECTORY and _LIBRARIES.fullmatch(e.path)
    ]
    todo, seen = [interpreter], {interpreter}
    while todo:
        path = todo.pop()
        yield path
        entry = tree.locate(path)
        facts = None if entry is None else read_elf(read(tree.content_entry(entry)))
        if facts is None:
            continue
        wanted = [posixpath.join(d, name) for name in facts.needed for d in directories]
        if facts.interpreter is not None:
            wanted.append(facts.interpreter)
        for candidate in wanted:
            if candidate not in seen and _is_file(tree.locate(candidate)):
                seen.add(candidate)
                todo.append(candidate)


def _is_file(entry: FileEntry | None) -> bool:
    return entry is not None and entry.kind in (Kind.FILE, Kind.HARDLINK)


def _write(tree: Tree, path: str, folder: Path, read: Reader) -> None:
    """Put the file that ``path`` means where ``path`` resolves to, links made plain.

    Headers name such paths, so they are hostile: the links that ``folder`` holds at its top may
    lead out of it on this machine, and nothing is written through one.
    """
    held = tree.content_entry(tree[tree.resolve(path)])
    place = tree.resolve(path, follow_last=False)
    if posixpath.dirname(place) == "/":
        place = tree.resolve(path)
    target = folder / place.lstrip("/")
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.write(read(held))
    target.chmod(0o755 if held.mode & 0o111 else 0o644)
