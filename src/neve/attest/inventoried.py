"""The bill of any image, from its inventory: what its own databases and files say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from neve.attest.bill import Bill, BillFile, BillPackage, BillSource
from neve.attest.declared import declared_licence
from neve.attest.licences import NO_LICENCE, Licence, read_copyright
from neve.attest.subject import written
from neve.inventory import DISTRIBUTION_TYPES, Inventory, OsRelease, Package, PackageType
from neve.inventory.entries import SeenFile
from neve.inventory.purl import package_url
from neve.tree import FileEntry, Kind, Tree

_LAST = 253_402_300_799
"""The last second of the year 9999, which RFC 3339 can write."""
CopyrightReader = Callable[[str], bytes | None]
"""The content of ``/usr/share/doc/PACKAGE/copyright``; ``None`` where there is none."""


def inventory_bill(
    title: str, identity: str, inventory: Inventory, tree: Tree, copyright_of: CopyrightReader
) -> Bill:
    """The bill of what ``inventory`` found; ``tree`` knows the hashes of its files.

    ``title`` names the image, ``identity`` is its digest. A file whose hashes nobody took is not in
    the bill.
    """
    packages = tuple(_packages(inventory, copyright_of))
    return Bill(
        title=written(title),
        identity=identity,
        created=_created(inventory),
        system=_system(inventory.os_release),
        packages=packages,
        files=tuple(_files(inventory, tree, packages)),
    )


def _created(inventory: Inventory) -> int:
    """When the image says it was made; 1970 where it says nothing that can be a time."""
    text = inventory.configuration.created if inventory.configuration is not None else ""
    try:
        found = datetime.fromisoformat(text)
        seconds = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return 0
    return min(max(int(seconds), 0), _LAST)


def _system(release: OsRelease) -> tuple[str, str, str] | None:
    if not release.id:
        return None
    reference = "-".join(part for part in (release.id, release.version_id) if part)
    return f"os:{reference}", release.id, release.version_id or "rolling"


def _packages(inventory: Inventory, copyright_of: CopyrightReader) -> Iterator[BillPackage]:
    keys = _unique(_key(package) for package in inventory.packages)
    references = _unique(package.purl or _key(package) for package in inventory.packages)
    for package, key, reference in zip(inventory.packages, keys, references, strict=True):
        yield BillPackage(
            key=key,
            reference=reference,
            name=written(package.name),
            version=written(package.version) or "unknown",
            purl=package.purl,
            licence=_licence(package, copyright_of),
            source=_source(package, inventory.os_release),
            origin=_origin(package),
            properties=tuple(_properties(package)),
        )


def _key(package: Package) -> str:
    words = (package.type.value, package.name, package.version, package.architecture)
    return written("-".join(word for word in words if word))


def _unique(texts: Iterable[str]) -> Iterator[str]:
    """``texts``, the second of one name with ``#2`` behind it, and so on."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen[text] += 1
        yield text if seen[text] == 1 else f"{text}#{seen[text]}"


def _licence(package: Package, copyright_of: CopyrightReader) -> Licence:
    if package.licences:
        return declared_licence(package.licences)
    if package.type is not PackageType.DEB:
        return NO_LICENCE
    data = copyright_of(package.name)
    return NO_LICENCE if data is None else read_copyright(data, package.name)


def _source(package: Package, release: OsRelease) -> BillSource | None:
    if not package.source:
        return None
    version = package.source_version or package.version
    purl = ""
    if package.type in DISTRIBUTION_TYPES:
        distro = "-".join(part for part in (release.id, release.version_id) if part)
        purl = package_url(
            package.type.value,
            package.source,
            version,
            namespace=release.id,
            qualifiers={"arch": "source", "distro": distro},
        )
    return BillSource(name=written(package.source), version=written(version), purl=purl)


def _origin(package: Package) -> str:
    """Where the image says so, and inside of what."""
    text = f"found in {', '.join(map(written, package.paths[:4]))}" if package.paths else ""
    if len(package.paths) > 4:
        text += f" and {len(package.paths) - 4} more"
    if package.owner:
        text += f", inside the package {written(package.owner)}"
    return text.removeprefix(", ")


def _properties(package: Package) -> Iterator[tuple[str, str]]:
    for name, value in (
        ("neve:type", package.type.value),
        ("neve:architecture", package.architecture),
        ("neve:source", package.source),
        ("neve:source-version", package.source_version),
        ("neve:inside-of", package.owner),
        ("neve:maintainer", package.maintainer),
        *(("neve:path", path) for path in package.paths[:16]),
    ):
        if value:
            yield name, written(value)


def _files(inventory: Inventory, tree: Tree, packages: Iterable[BillPackage]) -> Iterator[BillFile]:
    """Every regular file whose hashes are known, under its owner or the package found in it."""
    owners: dict[str, str] = {}
    found_in: dict[str, str] = {}
    for package, row in zip(inventory.packages, packages, strict=True):
        if package.type in DISTRIBUTION_TYPES:
            owners.setdefault(package.name, row.key)
        elif not package.owner:
            for path in package.paths:
                found_in.setdefault(path, row.key)
    for item in inventory.files:
        if item.kind not in (Kind.FILE, Kind.HARDLINK) or item.digest is None:
            continue
        entry = tree.get(item.path)
        sha1 = "" if entry is None else _sha1(tree.content_entry(entry))
        if sha1:
            holder = next((owners[name] for name in item.owners if name in owners), None)
            holder = holder or found_in.get(item.path)
            yield BillFile(item.path, sha1, item.digest.value, holder)


def _sha1(entry: FileEntry) -> str:
    if isinstance(entry, SeenFile):
        return "" if entry.facts is None else entry.facts.sha1
    return "" if entry.content is None else entry.content.sha1
