"""What every image gets beside its packages' files: the package database and placeholders.

``status.d`` is what scanners read where no dpkg is installed (as distroless images do it): one
paragraph a package and its md5sums beside it, so that inventories and vulnerability feeds work.
"""

from __future__ import annotations

from collections.abc import Iterable

from neve.effects.bench import EffectContext, Workbench
from neve.formats.deb.control import render_paragraph
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason
from neve.tree import Edit, Tree

STATUS_DIRECTORY = "/var/lib/dpkg/status.d"
_STATUS = ("Status", "install ok installed")

# Bind-mounted by every engine; under a read-only root the mount point must exist already.
_PLACEHOLDERS = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")

# The mount points and scratch directories that a container engine or program expects
# (file-hierarchy(7), the OCI runtime's default mounts): path and mode.
_DIRECTORIES = (
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/proc", 0o555),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),  # noqa: S108 (a path of the image, not of this host)
    ("/var", 0o755),
    ("/var/tmp", 0o1777),  # noqa: S108
)


def plant_database(
    tree: Tree, packages: Iterable[PackageFacts], context: EffectContext
) -> tuple[Edit, ...]:
    """One ``status.d`` paragraph and md5sums file for each package.

    A foreign architecture's package is ``NAME:ARCHITECTURE``, as dpkg names it.
    """
    bench = Workbench(tree, context)
    for facts in packages:
        fields = dict(facts.control)
        name = fields["Package"]
        reason = Reason(Origin.PACKAGE, name, "package database")
        if fields.get("Architecture", "all") not in ("all", context.parameters.arch):
            name = f"{name}:{fields['Architecture']}"
        bench.write(f"{STATUS_DIRECTORY}/{name}", status_paragraph(facts), reason)
        if facts.md5sums is not None:
            bench.write(f"{STATUS_DIRECTORY}/{name}.md5sums", facts.md5sums, reason)
    return tuple(bench.edits)


def status_paragraph(facts: PackageFacts) -> bytes:
    """The package's control fields as an installed package's (deb822(5), dpkg's status file).

    ``Status`` follows ``Package`` as dpkg writes it; a line break in a value stays a
    continuation line, so no field can add another.
    """
    fields = [(name, value) for name, value in facts.control if name != "Status"]
    position = 1 if fields and fields[0][0] == "Package" else 0
    fields.insert(position, _STATUS)
    return render_paragraph(tuple(fields)).encode("utf-8", "surrogateescape")


def plant_placeholders(tree: Tree, context: EffectContext) -> tuple[Edit, ...]:
    """Mount points and scratch directories, and empty files for an engine to mount over.

    What a package or the recipe has put there is left alone.
    """
    bench = Workbench(tree, context)
    for path, mode in _DIRECTORIES:
        if bench.tree.locate(path) is None:
            bench.directory(path, _rule("mount-point", "expected by every engine"), mode=mode)
    for path in _PLACEHOLDERS:
        if bench.place(path) not in bench.tree:
            reason = _rule("mount-point", "mounted over by the engine, also on a read-only root")
            bench.write(path, b"", reason)
    return tuple(bench.edits)


def _rule(subject: str, detail: str) -> Reason:
    return Reason(Origin.RULE, subject, detail)
