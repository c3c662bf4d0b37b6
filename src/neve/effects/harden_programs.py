"""Hardening of programs: shells, package managers, and the scripts left without interpreter.

A shell goes unless something that runs needs it. What is merely shipped (``ldd``, ``zgrep``,
``update-ca-certificates``) goes with it, each path with its reason; what is run stops the lock.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase

from neve.effects.harden_model import (
    HardenContext,
    Outcome,
    Refusal,
    by_rule,
    loosened_lines,
    passed,
)
from neve.effects.harden_needs import NEEDS
from neve.effects.harden_reach import Script, find_program, reached_scripts, scripts_of
from neve.effects.prune_patterns import Patterns
from neve.model import Check, Fail, Pass
from neve.tree import Edit, FileEntry, Kind, Remove, Tree

SHELLS = frozenset(
    {
        *("sh", "ash", "bash", "dash", "rbash", "posh", "yash", "sash"),
        *("zsh", "zsh5", "rzsh", "ksh", "ksh93", "rksh", "mksh", "lksh", "oksh", "loksh", "pdksh"),
        *("csh", "tcsh", "bsd-csh", "fish", "elvish", "xonsh", "pwsh"),
        *("busybox", "toybox", "static-sh", "mksh-static", "lksh-static", "bash-static"),
        "zsh-static",
    }
)
"""Names under which shells are installed."""

_SHELL_PACKAGES = (
    "bash*",
    "dash",
    "zsh*",
    "ksh*",
    "mksh",
    "yash",
    "posh",
    "csh",
    "tcsh",
    "fish",
    "busybox*",
    "toybox",
    "sash",
    "elvish",
    "xonsh",
    "powershell*",
)
_BINARIES = Patterns(
    ("/bin/*", "/sbin/*", "/usr/bin/*", "/usr/sbin/*", "/usr/local/bin/*", "/usr/local/sbin/*")
)
_MANAGERS = (
    *("apt", "apt-*", "aptitude*", "dpkg", "dpkg-*", "dselect", "update-alternatives"),
    *("rpm", "rpm2*", "rpmdb", "rpmkeys", "dnf", "dnf-*", "dnf5", "yum", "microdnf", "tdnf"),
    *("apk", "zypper", "pacman", "snap", "eopkg", "xbps-*", "opkg"),
)
_PACKAGE_MANAGERS = Patterns(f"/usr/bin/{name}" for name in _MANAGERS)
_MANAGER_PLACES = Patterns(
    (
        "/usr/sbin/dpkg-*",
        "/usr/sbin/apk",
        "/sbin/apk",
        "/usr/lib/apt",
        "/usr/lib/dpkg",
        "/usr/libexec/dpkg",
        "/usr/libexec/rpm",
    )
)
_NEEDING = Patterns(row.path for row in NEEDS)
_MODULES = (".py", ".pm", ".pl", ".rb", ".js", ".mjs", ".cjs", ".lua", ".tcl", ".php")


def no_package_manager(tree: Tree, context: HardenContext) -> Outcome:
    """Take away the programs of the operating system's package manager; its database stays."""
    rule = "no-package-manager"
    edits: list[Edit] = []
    checks: list[Check] = []
    for entry in tree:
        if entry.kind is Kind.DIRECTORY:
            continue
        program = entry.path.startswith("/usr/bin/") and _PACKAGE_MANAGERS.match(entry.path)
        if not program and not _MANAGER_PLACES.match(entry.path):
            continue
        loosening = context.loosening(rule, entry.path, *entry.owners)
        if loosening is not None:
            verdict = context.waived(loosening, Fail("a package manager's program"))
            checks.append(Check(rule=rule, subject=entry.path, verdict=verdict))
            continue
        edits.append(Remove(entry.path, by_rule(rule, "nothing is installed into a built image")))
        checks.append(Check(rule=rule, subject=entry.path, verdict=Pass("removed")))
    held = passed(rule, "no package manager")
    return Outcome(
        edits=tuple(edits),
        checks=tuple(checks) or (held,),
        refusals=_asked_for(rule, ("apt", "dpkg", "aptitude", "rpm", "dnf", "apk-tools"), context),
    )


def find_shells(tree: Tree) -> dict[str, FileEntry]:
    """The shells of a tree by path: by name, by package, and whatever is a link to one or has
    the same content.
    """
    found: dict[str, FileEntry] = {}
    contents: set[str] = set()
    others: list[FileEntry] = []
    for entry in tree:
        if entry.kind is Kind.DIRECTORY or not _BINARIES.match_exactly(entry.path):
            continue
        if entry.kind is not Kind.SYMLINK and _is_shell(entry):
            found[entry.path] = entry
            content = tree.content_entry(entry).content
            if content is not None:
                contents.add(str(content.digest))
        else:
            others.append(entry)
    for entry in others:
        if entry.kind is Kind.SYMLINK:
            target = tree.locate(entry.path)
            same = target is not None and target.path in found
            dangling = target is None and posixpath.basename(entry.path) in SHELLS
            if same or dangling:
                found[entry.path] = entry
        else:
            content = tree.content_entry(entry).content
            if content is not None and str(content.digest) in contents:
                found[entry.path] = entry
    return found


def _is_shell(entry: FileEntry) -> bool:
    if posixpath.basename(entry.path) in SHELLS:
        return True
    by_package = any(
        fnmatchcase(owner, pattern) for owner in entry.owners for pattern in _SHELL_PACKAGES
    )
    return by_package and posixpath.basename(entry.path).rstrip("0123456789.-") in SHELLS


def no_shell(tree: Tree, context: HardenContext) -> Outcome:
    """Take away shells that nothing needs; refuse where something that runs needs one."""
    rule = "no-shell"
    shells = find_shells(tree)
    allowed = {
        path: loosening
        for path, entry in shells.items()
        if (loosening := context.loosening(rule, path, *_names(tree, entry))) is not None
    }
    needs = list(_needs(tree, context))
    refusals = [
        refusal
        for interpreter, path, chain, offer in needs
        if (refusal := _unmet(tree, context, allowed, interpreter, path, chain, offer))
    ]
    edits: list[Edit] = []
    checks: list[Check] = [
        Check(rule=rule, subject=r.subject, verdict=Fail(r.brief)) for r in refusals
    ]
    for path in sorted(shells):
        if path in allowed:
            verdict = context.waived(allowed[path], Fail("a shell"))
            checks.append(Check(rule=rule, subject=path, verdict=verdict))
        else:
            edits.append(Remove(path, by_rule(rule, "nothing that runs needs a shell")))
            checks.append(Check(rule=rule, subject=path, verdict=Pass("removed")))
    removed = [entry for path, entry in shells.items() if path not in allowed]
    owners = sorted({owner for entry in removed for owner in entry.owners})
    refusals += _asked_for(rule, owners, context)
    return Outcome(
        edits=tuple(edits),
        checks=tuple(checks) or (passed(rule, "no shell"),),
        refusals=tuple(refusals),
    )


def _names(tree: Tree, entry: FileEntry) -> Iterable[str]:
    """What a loosening may call a shell besides its own path: package, link target."""
    target = tree.locate(entry.path)
    yield from entry.owners
    if target is not None and target is not entry:
        yield target.path
        yield from target.owners


def _needs(tree: Tree, context: HardenContext) -> Iterable[tuple[str, str, tuple[str, ...], str]]:
    """(interpreter, path, chain, package that offers it) of everything that runs a shell."""
    scripts = scripts_of(tree, context)
    for path, why in sorted(reached_scripts(tree, scripts, context).items()):
        script = scripts[path]
        if script.program in SHELLS:
            chain = (f"{path}: {why}", f"{path} is a script of {script.interpreter}")
            offer = "dash" if script.program == "sh" else script.program
            yield script.interpreter, path, chain + _origin(script.entry, context), offer
    for entry in tree:
        if entry.kind is Kind.DIRECTORY or not _NEEDING.match_exactly(entry.path):
            continue
        for row in NEEDS:
            owned = any(fnmatchcase(owner, row.package) for owner in entry.owners)
            if owned and Patterns((row.path,)).match_exactly(entry.path):
                needs = (f"{entry.path} needs {row.need}: {row.evidence}",)
                yield row.need, entry.path, needs + _origin(entry, context), row.offer


def _origin(entry: FileEntry, context: HardenContext) -> tuple[str, ...]:
    lines = [f"{entry.path} is of {', '.join(entry.owners) or str(entry.reason)}"]
    for owner in entry.owners[:1]:
        lines += context.because.get(owner, ())
    return tuple(lines)


def _unmet(
    tree: Tree,
    context: HardenContext,
    allowed: Iterable[str],
    interpreter: str,
    path: str,
    chain: tuple[str, ...],
    offer: str,
) -> Refusal | None:
    program = find_program(tree, interpreter)
    if program is not None and program in set(allowed):
        return None
    rule = "no-shell"
    absent = program is None
    loosening = context.loosening(rule, path, interpreter, offer, f"/usr/bin/{offer}")
    packages = ("packages:", f"  - {offer}") if absent else ()
    loosened = () if loosening is not None else loosened_lines(rule, program or f"/usr/bin/{offer}")
    if loosening is not None and absent:
        brief = f"{path} needs {interpreter}, which no package of the image holds"
    else:
        brief = f"{path} needs {interpreter}"
    return Refusal(rule=rule, subject=path, brief=brief, chain=chain, paste=(*packages, *loosened))


def _asked_for(rule: str, packages: Iterable[str], context: HardenContext) -> tuple[Refusal, ...]:
    """Asking for a package is no permission by itself: the recipe must say both."""
    return tuple(
        Refusal(
            rule=rule,
            subject=package,
            brief=f"{package} is asked for, and {rule} takes it away",
            chain=context.because.get(package, (f"packages: {package}",)),
            paste=loosened_lines(rule, package),
        )
        for package in packages
        if package in context.requested and context.loosening(rule, package) is None
    )


def script_without_interpreter(tree: Tree, context: HardenContext) -> Outcome:
    """Take away auxiliary scripts whose interpreter is not in the image; refuse for reached ones.

    Modules that merely carry a shebang (``cgi.py``) work without it and stay.
    """
    rule = "script-without-interpreter"
    scripts = scripts_of(tree, context)
    broken = {
        path: script
        for path, script in scripts.items()
        if find_program(tree, script.interpreter) is None and not _is_module(script)
    }
    reached = reached_scripts(tree, scripts, context) if broken else {}
    edits: list[Edit] = []
    checks: list[Check] = []
    refusals: list[Refusal] = []
    for path, script in sorted(broken.items()):
        failure = Fail(f"{script.interpreter} is not in the image")
        loosening = context.loosening(rule, path, *script.entry.owners)
        if path in reached and script.program in SHELLS:
            continue  # no-shell answers for it
        if loosening is not None:
            verdict = context.waived(loosening, failure)
            checks.append(Check(rule=rule, subject=path, verdict=verdict))
        elif path in reached:
            chain = (f"{path}: {reached[path]}", *_origin(script.entry, context))
            brief = f"{path} needs {script.interpreter}, which is not in the image"
            paste = ("packages:", f"  - <the package that has {script.interpreter}>")
            refusals.append(Refusal(rule=rule, subject=path, brief=brief, chain=chain, paste=paste))
            checks.append(Check(rule=rule, subject=path, verdict=failure))
        else:
            detail = f"{script.interpreter} is not in the image and nothing that runs names it"
            edits.append(Remove(path, by_rule(rule, detail)))
            checks.append(Check(rule=rule, subject=path, verdict=Pass(f"removed: {detail}")))
    edits += _dangling(tree, edits)
    held = passed(rule, "every script has its interpreter")
    return Outcome(edits=tuple(edits), checks=tuple(checks) or (held,), refusals=tuple(refusals))


def _is_module(script: Script) -> bool:
    return script.entry.path.endswith(_MODULES) and script.program not in SHELLS


def _dangling(tree: Tree, edits: Iterable[Edit]) -> list[Edit]:
    """The links to what ``edits`` remove: they would lead nowhere."""
    gone = {edit.path: edit for edit in edits if isinstance(edit, Remove)}
    found: list[Edit] = []
    for entry in tree if gone else ():
        if entry.kind is Kind.SYMLINK and entry.path not in gone:
            target = tree.resolve(entry.path)
            if target in gone:
                found.append(Remove(entry.path, gone[target].reason))
    return found
