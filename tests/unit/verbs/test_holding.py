"""What an update of named packages holds, on each platform of a lock."""

from __future__ import annotations

from neve.model import Platform, sha256_of
from neve.recipe.lock import Lock, LockedPackage, LockedTarget
from neve.recipe.types import Distribution, Recipe
from neve.verbs.holding import Hold, Holding

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def package(name: str, version: str, architecture: str, source: str = "") -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        architecture=architecture,
        digest=sha256_of(f"{name} {version} {architecture}".encode()),
        size=1,
        installed_size=1,
        path=f"pool/{name}_{version}_{architecture}.deb",
        source=source or name,
        source_version=version,
        archive="debian:trixie",
        index=sha256_of(b"index"),
        section="misc",
        because=(),
    )


PACKAGES = (
    package("app", "1+b1", "amd64"),
    package("app", "1+b2", "arm64"),
    package("data", "3", "all"),
    package("app-common", "1", "all", source="app"),
    package("libc6", "2", "i386"),
    package("debugger", "7", "amd64"),
)
LOCK = Lock(
    recipe=Recipe(name="app", base=Distribution(name="debian", release="13")),
    sources=(),
    rules=(),
    time=0,
    archives=(),
    packages=PACKAGES,
    targets=(
        LockedTarget(platform=AMD64, variant="runtime", packages=(0, 2, 3, 4)),
        LockedTarget(platform=AMD64, variant="debug", packages=(0, 2, 3, 4, 5)),
        LockedTarget(platform=ARM64, variant="runtime", packages=(1, 2, 3)),
    ),
)


def holdings(moving: str, platform: Platform) -> list[Holding]:
    hold = Hold(lock=LOCK, moving=frozenset({moving}))
    return list(hold.on(platform, platform.architecture))


def test_each_platform_holds_its_own_rebuild() -> None:
    (amd64,) = holdings("data", AMD64)
    assert amd64.versions == {
        ("app", "amd64"): "1+b1",
        ("app-common", "amd64"): "1",
        ("libc6", "i386"): "2",
        ("debugger", "amd64"): "7",
    }
    assert amd64.moving == (("data", "amd64"),)
    (arm64,) = holdings("data", ARM64)
    assert arm64.versions == {("app", "arm64"): "1+b2", ("app-common", "arm64"): "1"}


def test_packages_of_the_same_source_move_only_at_the_second_attempt() -> None:
    first, second = holdings("app", AMD64)
    assert ("app-common", "amd64") in first.versions
    assert second.moving == (("app", "amd64"), ("app-common", "amd64"))
    assert not {key for key in second.versions if key[0].startswith("app")}


def test_a_platform_without_the_package_holds_everything() -> None:
    (holding,) = holdings("debugger", ARM64)
    assert holding.moving == ()
    assert len(holding.versions) == 3
