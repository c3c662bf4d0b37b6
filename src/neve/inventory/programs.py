"""Which programs of an image are shells, interpreters or package managers.

A table: one family a row, with what gives it away inside the file. Content decides first, so that
a renamed copy is found and a program that is only called ``sh`` is told apart by its evidence; the
name decides where the content says nothing. Links count as the program they lead to.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from neve.errors import HostileInputError
from neve.formats.deb.types import ElfFacts
from neve.inventory.types import Program, Role
from neve.tree import FileEntry, Kind, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """``markers`` all stand in the executable, or it needs a library of which ``sonames`` is a
    prefix, or its name matches ``names``.
    """

    name: str
    role: Role
    names: str
    markers: tuple[bytes, ...] = ()
    sonames: tuple[str, ...] = ()


FAMILIES = (
    Family(
        name="busybox",
        role=Role.SHELL,
        names=r"busybox|static-sh",
        markers=(b"BusyBox v",),
    ),
    Family(name="toybox", role=Role.SHELL, names=r"toybox", markers=(b"toybox", b"TOYBOX")),
    Family(
        name="posix-shell",
        role=Role.SHELL,
        names=r"(?:sh|ash|bash|rbash|dash|posh|yash|sash|osh|r?zsh5?|r?ksh(?:93)?|[mlo]ksh|loksh|pdksh)"
        r"(?:-static)?",
        markers=(b"OPTIND", b"PS4", b"IFS"),  # the variables of POSIX XCU 2.5.3
    ),
    Family(
        name="other-shell",
        role=Role.SHELL,
        names=r"(?:bsd-)?csh|tcsh|fish|elvish|xonsh|pwsh|nu|rc|es",
        markers=("histchars".encode("utf-32-le"),),  # tcsh keeps its text in wchar_t
    ),
    Family(
        name="python",
        role=Role.INTERPRETER,
        names=r"(?:python|pypy)[0-9.]*(?:-dbg)?",
        markers=(b"Py_BytesMain",),
    ),
    Family(
        name="perl",
        role=Role.INTERPRETER,
        names=r"perl(?:5[0-9.]*)?(?:-[a-z0-9_-]+)?",
        markers=(b"perl_parse", b"PERL5OPT"),
        sonames=("libperl.so",),
    ),
    Family(
        name="ruby",
        role=Role.INTERPRETER,
        names=r"j?ruby[0-9.]*",
        markers=(b"ruby_run_node",),
    ),
    Family(
        name="node",
        role=Role.INTERPRETER,
        names=r"node|nodejs|deno|bun",
        markers=(b"NODE_OPTIONS",),
        sonames=("libnode.so",),
    ),
    Family(
        name="php",
        role=Role.INTERPRETER,
        names=r"php(?:-?(?:fpm|cgi))?[0-9.]*",
        markers=(b"zend_execute_scripts",),
    ),
    Family(name="java", role=Role.INTERPRETER, names=r"java"),
    Family(name="lua", role=Role.INTERPRETER, names=r"lua(?:jit)?[0-9.-]*", markers=(b"LUA_INIT",)),
    Family(name="tcl", role=Role.INTERPRETER, names=r"tclsh[0-9.]*|wish[0-9.]*|expect"),
    Family(
        name="awk",
        role=Role.INTERPRETER,
        names=r"[gmn]?awk|original-awk",
        markers=(b"SUBSEP", b"ENVIRON"),
    ),
    Family(name="guile", role=Role.INTERPRETER, names=r"guile[0-9.-]*"),
    Family(
        name="apt",
        role=Role.PACKAGE_MANAGER,
        names=r"apt|apt-(?:get|cache|mark|config|key|cdrom)|aptitude(?:-curses)?",
        sonames=("libapt-pkg.so",),
    ),
    Family(
        name="dpkg",
        role=Role.PACKAGE_MANAGER,
        names=r"dpkg|dpkg-(?:deb|divert|query|split|statoverride|trigger|reconfigure)|dselect",
    ),
    Family(
        name="rpm",
        role=Role.PACKAGE_MANAGER,
        names=r"rpm|rpmdb|rpmkeys|yum|(?:micro)?dnf[0-9-]*|zypper|tdnf",
        sonames=("librpm.so",),
    ),
    Family(name="apk", role=Role.PACKAGE_MANAGER, names=r"apk", sonames=("libapk.so",)),
    Family(name="pip", role=Role.PACKAGE_MANAGER, names=r"pip[0-9.]*|pipx|uv|conda|mamba"),
    Family(name="npm", role=Role.PACKAGE_MANAGER, names=r"npm|npx|yarn(?:pkg)?|pnpm|corepack"),
    Family(name="gem", role=Role.PACKAGE_MANAGER, names=r"gem[0-9.]*|bundler?[0-9.]*"),
    Family(name="cpan", role=Role.PACKAGE_MANAGER, names=r"cpan[m0-9.]*(?:-[a-z0-9_-]+)?"),
    Family(name="composer", role=Role.PACKAGE_MANAGER, names=r"composer|pecl|pear"),
)

_NAMES = tuple((family, re.compile(family.names)) for family in FAMILIES)
_DIRECTORIES = re.compile(
    r"(?:/usr)?(?:/local)?/s?bin/[^/]+|/opt/[^/]+/s?bin/[^/]+|.*/(?:libexec|bin)/[^/]+"
)


def judge_content(data: bytes | memoryview, elf: ElfFacts) -> tuple[Family, str] | None:
    """The family an ELF executable belongs to by what is in it, and the evidence."""
    for family in FAMILIES:
        for prefix in family.sonames:
            needed = next((name for name in elf.needed if name.startswith(prefix)), None)
            if needed is not None and elf.soname is None:
                return family, f"needs {needed}"
    if elf.soname is not None:
        return None
    haystack = bytes(data)
    for family in FAMILIES:
        if family.markers and all(marker in haystack for marker in family.markers):
            words = ", ".join(marker.replace(b"\0", b"").decode() for marker in family.markers)
            return family, f"holds {words}"
    return None


def judge_name(path: str) -> tuple[Family, str] | None:
    """The family an executable belongs to by its name in a directory of programs."""
    if _DIRECTORIES.fullmatch(path) is None:
        return None
    name = posixpath.basename(path)
    for family, pattern in _NAMES:
        if pattern.fullmatch(name):
            return family, f"is called {name}"
    return None


def with_links(tree: Tree, found: dict[str, tuple[Family, str]]) -> tuple[Program, ...]:
    """``found`` as programs, with every link that leads to one of them."""
    programs = [
        Program(path=path, role=family.role, family=family.name, evidence=evidence)
        for path, (family, evidence) in found.items()
    ]
    for entry in tree:
        target = _leads_to(tree, entry)
        if target is None or target not in found or entry.path in found:
            continue
        family = found[target][0]
        evidence = f"link to {target}"
        programs.append(
            Program(path=entry.path, role=family.role, family=family.name, evidence=evidence)
        )
    return tuple(sorted(programs))


def _leads_to(tree: Tree, entry: FileEntry) -> str | None:
    if entry.kind is Kind.HARDLINK:
        return entry.target
    if entry.kind is not Kind.SYMLINK:
        return None
    try:
        return tree.resolve(entry.path)
    except HostileInputError:  # a circle of links leads to no program
        return None
