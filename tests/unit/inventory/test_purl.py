"""Package-urls against the reference implementation, and those that distributions' packages get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from neve.inventory import OsRelease, Package, PackageType
from neve.inventory.purl import distribution_url, package_url

# Without "/", which the reference leaves as it is where the specification has it encoded; names
# without what is encoded, for it lowers the letters of the codes too.
_TEXT = st.text("aB1._-~+@ %:é?#&=", min_size=1, max_size=12)
_NAME = st.text("aB1._-~", min_size=1, max_size=12)
_NAMESPACE = st.lists(_NAME, max_size=3).map("/".join)
_TYPES = ["deb", "apk", "rpm", "pypi", "npm", "maven", "golang", "gem", "composer", "generic"]


@given(
    st.sampled_from(_TYPES),
    _NAMESPACE,
    _NAME,
    st.none() | _TEXT,
    st.dictionaries(st.sampled_from(["arch", "distro", "epoch"]), _TEXT, max_size=3),
)
def test_the_same_text_as_the_reference(
    kind: str,
    namespace: str,
    name: str,
    version: str | None,
    qualifiers: dict[str, str],
) -> None:
    want = PackageURL(kind, namespace, name, version, qualifiers).to_string()
    found = package_url(kind, name, version or "", namespace=namespace, qualifiers=qualifiers)
    assert found == want


def package(kind: PackageType, version: str, **more: str) -> Package:
    return Package(type=kind, name="libc6", version=version, architecture="amd64", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_", "release", "url"),
    [
        (
            package(PackageType.DEB, "2.41-12"),
            OsRelease(id="debian", version_id="13"),
            "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
        ),
        (
            package(PackageType.DEB, "1:2", source="glibc", source_version="2"),
            OsRelease(id="debian"),
            "pkg:deb/debian/libc6@1:2?arch=amd64&distro=debian&upstream=glibc%402",
        ),
        (
            package(PackageType.RPM, "2:1.0-3.el9", source="glibc"),
            OsRelease(id="rhel", version_id="9.4"),
            "pkg:rpm/redhat/libc6@1.0-3.el9?arch=amd64&distro=rhel-9.4&epoch=2&upstream=glibc",
        ),
        (
            package(PackageType.APK, "1-r0"),
            OsRelease(id="alpine", version_id="3.20.3"),
            "pkg:apk/alpine/libc6@1-r0?arch=amd64&distro=alpine-3.20.3",
        ),
        (package(PackageType.DEB, "1"), OsRelease(), "pkg:deb/libc6@1?arch=amd64"),
    ],
)
def test_a_distributions_package_names_it(given_: Package, release: OsRelease, url: str) -> None:
    assert distribution_url(given_, release).purl == url


def test_other_packages_keep_the_one_they_have() -> None:
    found = Package(type=PackageType.PYPI, name="a", version="1", purl="pkg:pypi/a@1")
    assert distribution_url(found, OsRelease(id="debian")) is found


def test_nothing_without_a_name() -> None:
    assert package_url("pypi", " / ") == ""
