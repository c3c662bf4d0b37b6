"""Which Python files of a tree are byte-compiled, and where the results go.

Pure: running the interpreter is somebody else's work, in a sandbox. Source: PEP 3147 (where
``.pyc`` files lie), PEP 552 (their header), Debian's ``py3compile`` (which directories count).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from neve.errors import ToolError
from neve.model import Digest, Origin, Reason
from neve.tree import Content, Edit, FileEntry, Kind, Put, Tree

_INTERPRETER = re.compile(r"python3\.([0-9]{1,3})")

# Deliberately broken or foreign sources that Debian's py3compile leaves out as well.
_EXCLUDED = re.compile(
    r"/(?:lib2to3/tests/data|test/(?:tokenizedata|badsyntax[^/]*|bad_coding[^/]*|encoded_modules))"
    r"(?:/|\.py$|$)|/templates?/"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BytecodeSource:
    """One source file: ``path`` as imported, ``target`` its ``.pyc``, ``digest`` its content,
    ``mtime`` in seconds; ``package`` its owner, empty for the recipe's own files.
    """

    path: str
    target: str
    digest: Digest
    mtime: int
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BytecodePlan:
    """What one interpreter compiles. ``version`` is as ``3.13``, ``tag`` as ``cpython-313``."""

    interpreter: str
    version: str
    tag: str
    package: str
    sources: tuple[BytecodeSource, ...]


def bytecode_plan(tree: Tree, directories: Sequence[str] = ()) -> tuple[BytecodePlan, ...]:
    """A plan for each CPython 3 of the tree, the default one with the shared directories.

    ``directories`` are further ones that packages ask for (the arguments of their
    ``python-bytecode`` requests), compiled by the default interpreter.
    """
    default = tree.resolve("/usr/bin/python3")
    plans: list[BytecodePlan] = []
    for name in tree.children("/usr/bin"):
        found = _INTERPRETER.fullmatch(name)
        entry = tree.get(f"/usr/bin/{name}")
        if found is None or entry is None or entry.kind not in (Kind.FILE, Kind.HARDLINK):
            continue
        minor = found.group(1)
        wanted = [f"/usr/lib/python3.{minor}", f"/usr/local/lib/python3.{minor}"]
        if entry.path == default or default not in tree:
            wanted += ["/usr/lib/python3/dist-packages", *directories]
        tag = f"cpython-3{minor}"
        plans.append(
            BytecodePlan(
                interpreter=entry.path,
                version=f"3.{minor}",
                tag=tag,
                package=entry.owners[0] if entry.owners else name,
                sources=tuple(_sources(tree, wanted, tag)),
            )
        )
    return tuple(plans)


def bytecode_edits(plan: BytecodePlan, results: Mapping[str, Content]) -> tuple[Edit, ...]:
    """Edits that place ``results``, the ``.pyc`` content by source path; a source without one
    (its syntax is for another Python) is left as it is.

    A result belongs to its source's package and carries its time, so that it lies in the same
    layer and changes only with it. Raises ``ToolError`` for a result that nobody asked for.
    """
    known = {source.path: source for source in plan.sources}
    unasked = sorted(results.keys() - known.keys())
    if unasked:
        raise ToolError(
            f"byte-compiling gave something for {unasked[0]}, which nobody asked for",
            resolution="Remove the cached result with `neve store gc` and build again.",
        )
    owners: dict[str, dict[str, None]] = {}
    edits: list[Edit] = []
    for path in sorted(results):
        source = known[path]
        owners.setdefault(posixpath.dirname(source.target), {})[source.package] = None
        edits.append(
            Put(
                FileEntry(
                    path=source.target,
                    kind=Kind.FILE,
                    mode=0o644,
                    mtime=source.mtime,
                    content=results[path],
                    owners=(source.package,) if source.package else (),
                    reason=_reason(plan, source.package, source.path),
                )
            )
        )
    return (*(_cache_directory(plan, path, names) for path, names in owners.items()), *edits)


def _cache_directory(plan: BytecodePlan, path: str, packages: Mapping[str, None]) -> Put:
    names = tuple(sorted(name for name in packages if name))
    reason = _reason(plan, names[0] if names else "", posixpath.dirname(path))
    return Put(FileEntry(path=path, kind=Kind.DIRECTORY, mode=0o755, owners=names, reason=reason))


def _reason(plan: BytecodePlan, package: str, source: str) -> Reason:
    detail = f"byte-compiled by Python {plan.version} from {source}"
    if package:
        return Reason(Origin.PACKAGE, package, detail)
    return Reason(Origin.RULE, "python-bytecode", detail)


def _sources(tree: Tree, directories: Iterable[str], tag: str) -> Iterable[BytecodeSource]:
    seen: set[str] = set()
    for directory in directories:
        home = tree.resolve(directory)
        for entry in tree.under(home):
            skipped = entry.path in seen or not entry.path.endswith(".py")
            if skipped or "/__pycache__/" in entry.path or _EXCLUDED.search(entry.path):
                continue
            held = tree.content_entry(entry)
            if entry.kind not in (Kind.FILE, Kind.HARDLINK) or held.content is None:
                continue
            seen.add(entry.path)
            parent, name = posixpath.split(entry.path)
            yield BytecodeSource(
                path=entry.path,
                target=f"{parent}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc",
                digest=held.content.digest,
                mtime=entry.mtime,
                package=entry.owners[0] if entry.owners else "",
            )
