"""One image's inventory from its tree and the facts of its files: what only the whole can tell.

Reads no content. Owners, changed files, links that lead to programs, accounts with their
passwords and the distribution in package-urls all need more than one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from neve.inventory.accounts import read_accounts, read_groups
from neve.inventory.configuration import exposed_ports
from neve.inventory.entries import digest_of, size_of
from neve.inventory.facts import includes
from neve.inventory.found_secrets import configuration_secrets, image_secrets
from neve.inventory.os_release import read_os_release
from neve.inventory.owners import Ownership, changed_files, read_ownership
from neve.inventory.programs import FAMILIES, Family, judge_name, with_links
from neve.inventory.purl import distribution_url
from neve.inventory.services import read_services
from neve.inventory.types import (
    DISTRIBUTION_TYPES,
    Configuration,
    Depth,
    FileFacts,
    Inventory,
    InventoryFile,
    OpenPort,
    OsRelease,
    Package,
    Program,
    Unjudged,
)
from neve.inventory.view import View
from neve.tree import FileEntry, Kind, Tree

_FAMILIES = {family.name: family for family in FAMILIES}


def assemble(
    tree: Tree,
    facts: Mapping[str, FileFacts],
    depth: Depth = Depth.FULL,
    configuration: Configuration | None = None,
    *,
    unjudged: Iterable[Unjudged] = (),
) -> Inventory:
    """The inventory of ``tree``; ``facts`` has a row per regular file that any observer of
    ``depth`` spoke of. Never raises for what an image holds: that stands in ``unjudged``.
    """
    view = View(tree=tree, facts={path: facts[path] for path in sorted(facts)})
    ownership = read_ownership(view)
    release = read_os_release(view)
    packages = _packages(view, ownership, release)
    whole = includes(depth, Depth.INVENTORY)
    installed = frozenset(item.name for item in packages if item.type in DISTRIBUTION_TYPES)
    inventory = Inventory(
        depth=depth,
        os_release=release,
        packages=packages,
        files=tuple(_file(view, entry, ownership) for entry in tree),
        elf=tuple((p, f.elf) for p, f in view.facts.items() if f.elf is not None),
        versions=tuple((p, f.versions) for p, f in view.facts.items() if f.versions),
        hardening=tuple((p, f.hardening) for p, f in view.facts.items() if f.hardening is not None),
        programs=_programs(view) if whole else (),
        accounts=tuple(read_accounts(view)) if whole else (),
        groups=tuple(read_groups(view)) if whole else (),
        certificates=tuple(sorted((p, c) for p, f in view.facts.items() for c in f.certificates)),
        secrets=image_secrets(view, ownership)
        + (configuration_secrets(configuration) if includes(depth, Depth.FULL) else ()),
        changed=changed_files(view, ownership, installed) if includes(depth, Depth.FULL) else (),
        services=tuple(sorted(read_services(view))) if whole else (),
        ports=tuple(sorted({*exposed_ports(configuration), *_listening(view)})),
        configuration=configuration,
        unjudged=(),
    )
    notes = (Unjudged(path=p, reason=n) for p, f in view.facts.items() for n in f.unjudged)
    return replace(inventory, unjudged=tuple(sorted({*view.unjudged, *unjudged, *notes})))


def _listening(view: View) -> Iterator[OpenPort]:
    for facts in view.facts.values():
        yield from facts.ports


def _packages(view: View, ownership: Ownership, release: OsRelease) -> tuple[Package, ...]:
    """Every package once; one that several places speak of has all of them as paths."""
    found: dict[tuple[str, ...], Package] = {}
    for path, facts in view.facts.items():
        for item in facts.packages:
            package = _completed(view, replace(item, paths=item.paths or (path,)), ownership)
            key = (
                package.type,
                package.name,
                package.version,
                package.architecture,
                package.purl,
                package.owner,
            )
            known = found.get(key)
            if known is not None:
                paths = tuple(sorted({*known.paths, *package.paths}))
                package = replace(known, paths=paths)
            found[key] = package
    return tuple(sorted(distribution_url(package, release) for package in found.values()))


def _completed(view: View, package: Package, ownership: Ownership) -> Package:
    if package.owner or package.type in DISTRIBUTION_TYPES:
        return package
    owners = ownership.owners.get(view.moved(package.paths[0]), ())
    return replace(package, owner=owners[0]) if owners else package


def _file(view: View, entry: FileEntry, ownership: Ownership) -> InventoryFile:
    held = view.held(entry)
    return InventoryFile(
        path=entry.path,
        kind=entry.kind,
        mode=held.mode,
        uid=held.uid,
        gid=held.gid,
        size=size_of(held),
        digest=digest_of(held),
        target=entry.target,
        owners=entry.owners or ownership.owners.get(entry.path, ()),
        capable=any(name == "security.capability" for name, _ in held.xattrs),
    )


def _programs(view: View) -> tuple[Program, ...]:
    return with_links(view.tree, dict(_judged(view)))


def _judged(view: View) -> Iterator[tuple[str, tuple[Family, str]]]:
    """Path → family and evidence: by content where an observer saw any, else by name."""
    for entry in view.tree:
        if entry.kind is not Kind.FILE or not entry.mode & 0o111 or size_of(entry) == 0:
            continue
        facts = view.facts.get(entry.path)
        if facts is not None and facts.program is not None:
            name, evidence = facts.program
            yield entry.path, (_FAMILIES[name], evidence)
        elif (named := judge_name(entry.path)) is not None:
            yield entry.path, named
