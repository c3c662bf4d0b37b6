"""What a scan judges: the packages of an image, or those that a recipe's lock would install.

Owns what a subject is called (for VEX statements and for reports of other scanners), and which of
its packages a build record proves to be the distribution's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from neve.errors import NeveError, UsageError
from neve.inventory import Depth, OsRelease, Package, PackageType
from neve.model import Platform, sha256_of
from neve.recipe.lock import Lock, LockedTarget
from neve.verbs.context import Workspace
from neve.verbs.images import OpenedImage, Transport, open_source
from neve.verbs.looking import Seen, look_into
from neve.verbs.places import LOCK_NAME, RECIPE_NAME, catalogue_recipe, find_recipe
from neve.verbs.platforms import host_platform

_RECIPES = (".yaml", ".yml", ".lock")
_DATABASES = (
    "/var/lib/dpkg/status",
    "/lib/apk/db/",
    "/usr/lib/apk/db/",
    "/var/lib/rpm/",
    "/usr/lib/sysimage/rpm/",
)
"""Where distributions keep what is installed; what is not read there is a whole distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSubject:
    """Something with packages. ``digests`` are its manifest's and configuration's, ``names`` all
    that a VEX statement may call it. ``trusted`` are (name, version) that a build record proves.

    ``unread`` are (path, reason) of what may hold packages that are not known, ``folder`` where
    its file of waivers lies.
    """

    name: str
    platform: str
    packages: tuple[Package, ...]
    os_release: OsRelease
    folder: Path
    digests: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    trusted: frozenset[tuple[str, str]] = frozenset()
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def unread_databases(self) -> tuple[tuple[str, str], ...]:
        """Those of ``unread`` that hold what a distribution installed."""
        return tuple(item for item in self.unread if item[0].startswith(_DATABASES))


def scan_subject(
    subject: str, workspace: Workspace, *, platform: Platform | None, variant: str
) -> ScanSubject:
    """The packages of what ``subject`` names: a recipe or its lock, else any image.

    Raises ``UsageError`` for a recipe without a lock that matches it, and what opening or reading
    an image raises.
    """
    if _is_recipe(subject):
        return _locked(subject, platform=platform or host_platform(), variant=variant)
    with open_source(subject, workspace, platform=platform) as opened:
        trusted = _recorded(opened) if isinstance(opened, OpenedImage) else frozenset()
        seen = look_into(opened, workspace, depth=Depth.PACKAGES)
        digests = _digests(opened) if isinstance(opened, OpenedImage) else ()
        named = {subject, *digests, *_called(opened)} if isinstance(opened, OpenedImage) else set()
    return seen_subject(seen, digests=digests, names=frozenset(named), trusted=trusted)


def seen_subject(
    seen: Seen,
    *,
    digests: tuple[str, ...] = (),
    names: frozenset[str] = frozenset(),
    trusted: frozenset[tuple[str, str]] = frozenset(),
) -> ScanSubject:
    """The subject of an image that was looked at."""
    return ScanSubject(
        name=seen.image,
        platform=seen.platform,
        packages=seen.inventory.packages,
        os_release=seen.inventory.os_release,
        folder=Path(),
        digests=digests or tuple(filter(None, (seen.digest,))),
        names=names,
        trusted=trusted,
        unread=tuple((item.path, item.reason) for item in seen.inventory.unjudged),
    )


def _digests(opened: OpenedImage) -> tuple[str, ...]:
    found = [str(opened.digest)] if opened.digest is not None else []
    return (*found, str(sha256_of(opened.source.configuration)))


def _called(opened: OpenedImage) -> set[str]:
    """What the image is called in a registry, by its manifest and by the index it is in: digests
    and package-urls (purl-spec, type ``oci``).
    """
    from neve.oci.reference import Reference

    if opened.transport is not Transport.REGISTRY:
        return set()
    found = (opened.digest, getattr(opened.source, "root_digest", None))
    digests = {str(digest) for digest in found if digest is not None}
    reference = Reference.parse(opened.subject)
    name = reference.repository.rpartition("/")[2].lower()
    where = quote(reference.name.lower(), safe="/:")
    purls = {f"pkg:oci/{name}@{quote(d, safe='')}?repository_url={where}" for d in digests}
    return digests | purls


def _recorded(opened: OpenedImage) -> frozenset[tuple[str, str]]:
    """What the image's build record says of its packages; nothing where it has none or a broken
    one: then they are judged as anybody's.
    """
    from neve.attest.record import MEDIA_TYPE, read_record
    from neve.verbs.building import find_target
    from neve.verbs.records import record_lock

    try:
        attached = opened.attached(MEDIA_TYPE)
        if attached is None:
            return frozenset()
        record = read_record(attached)
        lock = record_lock(record)
        return _own(lock, find_target(lock, record.platform, record.variant))
    except NeveError:
        return frozenset()


def _own(lock: Lock, target: LockedTarget) -> frozenset[tuple[str, str]]:
    """Packages from the distribution's own archives: not from the recipe's repositories, nor from
    backports, which no advisory follows.
    """
    from neve.distro.find import find_distro

    release = find_distro(lock.recipe.base.name, lock.recipe.base.release)
    aliases = {host.alias for host in release.hosts}
    own = {
        archive.id
        for archive in lock.archives
        if archive.alias in aliases and "backports" not in archive.suite
    }
    chosen = (lock.packages[index] for index in target.packages)
    return frozenset((p.name, p.version) for p in chosen if p.archive in own)


def _is_recipe(subject: str) -> bool:
    path = Path(subject)
    if path.is_dir():
        return (path / RECIPE_NAME).is_file() and not (path / "oci-layout").is_file()
    if path.is_file():
        return path.suffix in _RECIPES
    return catalogue_recipe(subject) is not None


def _locked(subject: str, *, platform: Platform, variant: str) -> ScanSubject:
    from neve.distro.find import find_distro
    from neve.verbs.building import find_target
    from neve.verbs.lock import matching_lock

    path = Path(subject)
    if path.suffix == ".lock" and path.is_file():
        recipe = path.with_name(RECIPE_NAME if path.name == LOCK_NAME else f"{path.stem}.yaml")
        place = find_recipe(str(recipe))
    else:
        place = find_recipe(subject)
    found = matching_lock(place)
    if found is None:
        raise UsageError(
            f"{subject}: the recipe has no lock, so its packages are not known",
            resolution=f"Run `neve lock {place.recipe}`, or scan the image that it built.",
        )
    lock, _ = found
    target = find_target(lock, platform, variant)
    release = find_distro(lock.recipe.base.name, lock.recipe.base.release)
    os_release = OsRelease(
        id=release.id, version_id=release.version, codename=release.codename, name=release.title
    )
    return ScanSubject(
        name=str(place.lock),
        platform=str(platform),
        packages=tuple(_packages(lock, target, os_release, place.lock.name)),
        os_release=os_release,
        folder=place.recipe.parent,
        trusted=_own(lock, target),
    )


def _packages(
    lock: Lock, target: LockedTarget, os_release: OsRelease, file: str
) -> Iterable[Package]:
    from neve.inventory.purl import distribution_url

    for index in target.packages:
        locked = lock.packages[index]
        package = Package(
            type=PackageType.DEB,
            name=locked.name,
            version=locked.version,
            architecture=locked.architecture,
            source=locked.source,
            source_version=locked.source_version,
        )
        yield replace(distribution_url(package, os_release), paths=(file,))
