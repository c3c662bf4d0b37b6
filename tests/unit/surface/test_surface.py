"""The surface is a vector whose every count can be traced, and the reduction is its mean."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from neve.inventory import (
    Account,
    AccountGroup,
    Certificate,
    Change,
    ChangedFile,
    Configuration,
    Depth,
    ElfHardening,
    InventoryFile,
    OpenPort,
    Package,
    PackageType,
    Relro,
    Secret,
)
from neve.inventory.read import read_inventory
from neve.model import Origin, Reason
from neve.surface import (
    MEANING,
    NEEDS,
    REDUCED_PARTS,
    SURFACE_SCHEMA_VERSION,
    Measure,
    Part,
    Surface,
    measure_surface,
    reduction,
)
from neve.tree import FileEntry, Inline, Kind, Tree

REASON = Reason(Origin.RULE, "test")
STATUS = b"Package: a\nVersion: 1\nArchitecture: all\n"
DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "reference" / "surface.md"
EXPLANATION = DOCS / "explanation" / "surface.md"


def tree() -> Tree:
    def entry(path: str, kind: Kind, mode: int, **more: object) -> FileEntry:
        return FileEntry(path=path, kind=kind, mode=mode, reason=REASON, **more)  # type: ignore[arg-type]

    return Tree(
        [
            entry("/tmp", Kind.DIRECTORY, 0o1777),
            entry("/usr/bin/dash", Kind.FILE, 0o755, content=Inline(b"four")),
            entry("/usr/bin/sh", Kind.SYMLINK, 0o777, target="dash"),
            entry("/usr/bin/dpkg", Kind.FILE, 0o755, content=Inline(b"12")),
            entry("/usr/bin/su", Kind.FILE, 0o4755, content=Inline(b"1")),
            entry("/usr/bin/su2", Kind.HARDLINK, 0o4755, target="/usr/bin/su"),
            entry(
                "/bin/ping",
                Kind.FILE,
                0o755,
                content=Inline(b"1"),
                xattrs=(("security.capability", b"x"),),
            ),
            entry(
                "/var/lib/dpkg/status.d/a",
                Kind.FILE,
                0o644,
                content=Inline(STATUS),
            ),
        ]
    )


def read(entry: FileEntry) -> bytes:
    assert isinstance(entry.content, Inline)
    return entry.content.data


def surface(**counts: int) -> Surface:
    return Surface(
        measures=tuple(
            Measure(part=part, count=counts.get(part.name.lower(), 0), subjects=()) for part in Part
        )
    )


def test_counts_and_their_subjects() -> None:
    found = measure_surface(read_inventory(tree(), read), now=0)
    assert found.counts() == {
        "packages": 1,
        "files": 7,
        "executables": 5,
        "shells-and-interpreters": 2,
        "package-managers": 1,
        "network-tools": 1,
        "privileged": 3,
        "world-writable": 1,
        "user-writable": None,
        "runs-as-root": None,
        "login-accounts": 0,
        "secrets": 0,
        "private-keys": 0,
        "expired-certificates": 0,
        "unowned-files": 6,
        "changed-files": 0,
        "services": 0,
        "open-ports": 0,
        "weak-binaries": 0,
        "bytes": 8 + len(STATUS),
    }
    assert found.of(Part.SHELLS_AND_INTERPRETERS).subjects == ("/usr/bin/dash", "/usr/bin/sh")
    assert found.of(Part.PRIVILEGED).subjects == ("/bin/ping", "/usr/bin/su", "/usr/bin/su2")
    assert found.of(Part.PACKAGES).subjects == ("deb a:all=1",)
    assert "configuration" in found.of(Part.RUNS_AS_ROOT).unjudged


CERTIFICATE = Certificate(
    fingerprint="0",
    subject="CN=old",
    issuer="CN=old",
    not_before=0,
    not_after=1000,
    key="rsa 2048",
    signature_hash="sha256",
    authority=False,
    self_signed=True,
)
STRONG = ElfHardening(pie=True, relro=Relro.PARTIAL, nx=True, canary=False, fortify=None)


def a_package(kind: PackageType, name: str, owner: str = "") -> Package:
    return Package(type=kind, name=name, version="1", owner=owner)


def file(path: str, mode: int, uid: int = 0, gid: int = 0, kind: Kind = Kind.FILE) -> InventoryFile:
    return InventoryFile(path=path, kind=kind, mode=mode, uid=uid, gid=gid, owners=("p",))


def account(name: str, uid: int, *, login: bool = False, password: str = "locked") -> Account:
    return Account(
        name=name, uid=uid, gid=uid, home="/", shell="/bin/sh", login=login, password=password
    )


EMPTY = replace(read_inventory(Tree(), read), configuration=Configuration(user="app"))


def test_a_library_out_of_a_distribution_package_is_no_second_package() -> None:
    found = replace(
        EMPTY,
        packages=(
            a_package(PackageType.DEB, "python3-yaml"),
            a_package(PackageType.PYPI, "PyYAML", owner="python3-yaml"),
            a_package(PackageType.PYPI, "flask"),
            a_package(PackageType.GENERIC, "tool"),
        ),
    )
    labels = measure_surface(found).of(Part.PACKAGES).subjects
    assert labels == ("deb python3-yaml=1", "pypi flask=1", "generic tool=1")


def test_what_is_dangerous_in_itself_is_counted_with_where_it_stands() -> None:
    found = replace(
        EMPTY,
        accounts=(
            account("root", 0, password="hash yescrypt"),
            account("nobody", 65534),
            account("open", 7, password="none"),
            account("app", 1000, login=True),
        ),
        certificates=(
            ("/old.pem", CERTIFICATE),
            ("/new.pem", replace(CERTIFICATE, not_after=9000)),
        ),
        secrets=(
            ("/a.env", Secret(rule="github-token", line=3, hint="ghp_…")),
            ("/key.pem", Secret(rule="private-key", line=0, hint="RSA")),
        ),
        hardening=(
            ("/usr/bin/good", STRONG),
            ("/usr/bin/old", replace(STRONG, pie=False, relro=Relro.NONE, nx=False)),
        ),
        changed=(ChangedFile(path="/usr/bin/x", package="p", change=Change.CONTENT),),
        ports=(OpenPort(port=80, protocol="tcp", evidence="EXPOSE"),),
    )
    surface = measure_surface(found, now=5000)
    assert surface.of(Part.LOGIN_ACCOUNTS).subjects == ("root", "open", "app")
    assert surface.of(Part.EXPIRED_CERTIFICATES).subjects == ("/old.pem: CN=old",)
    assert surface.of(Part.SECRETS).subjects == ("/a.env:3 github-token",)
    assert surface.of(Part.PRIVATE_KEYS).subjects == ("/key.pem private-key",)
    assert surface.of(Part.WEAK_BINARIES).subjects == (
        "/usr/bin/old: no PIE, no RELRO, executable stack",
    )
    assert surface.of(Part.CHANGED_FILES).subjects == ("/usr/bin/x: content of p",)
    assert surface.of(Part.OPEN_PORTS).subjects == ("80/tcp (EXPOSE)",)
    assert measure_surface(found).of(Part.EXPIRED_CERTIFICATES).count is None


@pytest.mark.parametrize(
    ("user", "writable", "root"),
    [
        ("", 6, 1),
        ("root", 6, 1),
        ("0:0", 6, 1),
        ("app", 3, 0),
        ("1000", 3, 0),
        ("1000:1000", 2, 0),
        ("4711", 3, 0),
        ("4711:staff", 3, 0),
        ("stranger", None, None),
        ("app:strangers", None, None),
    ],
)
def test_what_the_images_own_user_may_write(
    user: str, writable: int | None, root: int | None
) -> None:
    found = replace(
        EMPTY,
        configuration=Configuration(user=user),
        accounts=(account("root", 0), account("app", 1000)),
        groups=(AccountGroup(name="staff", gid=50, members=("app",)),),
        files=(
            file("/a-owned", 0o644, uid=1000),
            file("/b-of-group-0", 0o664),
            file("/c-of-staff", 0o664, gid=50),
            file("/d-own-but-forbidden", 0o477, uid=1000),
            file("/e-other", 0o644),
            file("/link", 0o777, kind=Kind.SYMLINK),
            file("/tmp", 0o1777, kind=Kind.DIRECTORY),
        ),
    )
    surface = measure_surface(found)
    assert surface.of(Part.USER_WRITABLE).count == writable
    assert surface.of(Part.RUNS_AS_ROOT).count == root


def test_a_part_that_nobody_looked_for_is_not_judged_and_never_zero() -> None:
    shallow = measure_surface(replace(EMPTY, depth=Depth.PACKAGES), now=0)
    assert shallow.of(Part.SECRETS) == Measure(
        part=Part.SECRETS, count=None, subjects=(), unjudged="needs --depth full"
    )
    assert shallow.of(Part.PACKAGES).count == 0
    assert reduction(measure_surface(EMPTY), shallow) is None


def test_reduction_is_the_mean_over_what_was_there() -> None:
    before = surface(packages=100, files=1000, bytes=10, package_managers=5)
    after = surface(packages=25, files=1000, bytes=0, privileged=7)
    assert reduction(before, after) == pytest.approx((0.75 + 0.0 + 1.0) / 3)
    assert reduction(before, before) == 0
    assert reduction(surface(), after) == 0
    grown = reduction(after, before)
    assert grown is not None
    assert grown < 0


def test_the_page_names_every_part_and_what_is_reduced() -> None:
    text = PAGE.read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| `([a-z]+)` \| (yes|no) \|$", text, re.MULTILINE)
    assert [name for name, _, _ in rows] == [part.value for part in Part]
    assert [depth for _, depth, _ in rows] == [NEEDS[part].value for part in Part]
    assert [name for name, _, reduced in rows if reduced == "yes"] == [*REDUCED_PARTS]
    assert f"schema version {SURFACE_SCHEMA_VERSION}" in text
    assert set(MEANING) == set(Part)


def test_the_explanations_example_is_the_formula() -> None:
    """The table of the explanation, computed."""
    before = surface(
        packages=100, files=4000, executables=400, shells_and_interpreters=10, world_writable=4,
        bytes=100,
    )  # fmt: skip
    after = surface(packages=20, files=1000, executables=40, world_writable=2, bytes=25)
    told = re.search(r"\*\*reduction\*\* \| \| \| \*\*([0-9.]+)\*\*", EXPLANATION.read_text())
    assert told is not None
    assert reduction(before, after) == pytest.approx(float(told[1]), abs=0.005)
