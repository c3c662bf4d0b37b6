"""The bill of an image that neve built: its lock says what no inventory could."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from neve.attest.bill import Bill, BillFile, BillPackage, BillSource
from neve.attest.licences import package_licence
from neve.attest.subject import AttestedImage, regular_files, timestamp
from neve.model import Origin
from neve.recipe.lock import LockedPackage
from neve.recipe.types import TrustedCertificate


def built_bill(image: AttestedImage) -> Bill:
    """The bill of ``image``."""
    return Bill(
        title=image.title,
        identity=str(image.identity),
        created=image.lock.time,
        system=(f"os:{image.distro}", image.lock.recipe.base.name, image.version),
        packages=tuple(_package(image, package) for package in image.packages),
        files=tuple(_files(image, image.packages)),
        certificates=image.lock.recipe.certificates,
    )


def _key(package: LockedPackage) -> str:
    return f"{package.name}-{package.architecture}"


def _package(image: AttestedImage, package: LockedPackage) -> BillPackage:
    purl = image.purl(package)
    return BillPackage(
        key=_key(package),
        reference=purl,
        name=package.name,
        version=package.version,
        purl=purl,
        licence=package_licence(image, package.name),
        source=BillSource(
            name=package.source,
            version=package.source_version,
            purl=image.source_purl(package),
        ),
        origin=f"built from {package.source} {package.source_version}, archive {package.archive}",
        file_name=package.path.rpartition("/")[2],
        sha256=package.digest.value,
        properties=(
            ("neve:archive", package.archive),
            ("neve:architecture", package.architecture),
            ("neve:source", package.source),
            ("neve:source-version", package.source_version),
        ),
    )


def _files(image: AttestedImage, packages: Iterable[LockedPackage]) -> Iterator[BillFile]:
    """Each regular file under its first owner among ``packages``."""
    by_name: dict[str, str] = {}
    for package in packages:
        by_name.setdefault(package.name, _key(package))
        by_name[f"{package.name}:{package.architecture}"] = _key(package)
    comments = {f"certificates[{c.name}]": _certificate(c) for c in image.lock.recipe.certificates}
    for entry, holder in regular_files(image.tree):
        content = holder.content
        if content is None:
            continue
        owner = None
        if entry.reason.origin is Origin.PACKAGE:
            owner = next((by_name[o] for o in sorted(entry.owners) if o in by_name), None)
        comment = comments.get(entry.reason.subject)
        yield BillFile(entry.path, content.sha1, content.digest.value, owner, comment)


def _certificate(one: TrustedCertificate) -> str:
    """What a file that holds one of the recipe's certificates says (SPDX 2.3, 8.12)."""
    return (
        f"X.509 certificate, trusted as {one.trust}: {one.subject}, SHA-256 {one.fingerprint}, "
        f"{timestamp(one.not_before)} to {timestamp(one.not_after)}"
    )
