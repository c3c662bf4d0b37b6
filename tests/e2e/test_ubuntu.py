"""Ubuntu from recipe to image, against a signed archive in Ubuntu's layout on loopback.

The archive is split as Ubuntu's is: one release file for all architectures, amd64 in ``ubuntu``,
the others in ``ubuntu-ports``; every pocket has the series as its codename; packages are
zstd-compressed. A recipe says whose key signs it, as for any mirror an organisation signs itself.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.archive import (
    ArchiveBuilder,
    Deb,
    Link,
    Member,
    Regular,
    Server,
    SigningKey,
    make_deb,
    serve,
)
from tests.support.command import HOUR, Desk

from neve.distro import ubuntu
from neve.model import Platform
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.store import Store
from neve.tree import Tree

SERIES = "noble"
COMPONENTS = ("main", "restricted", "universe", "multiverse")
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
OS_RELEASE = b'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\n'

RECIPE = """\
name: small
distribution: ubuntu
release: "24.04"
repositories:
  - {name: main, suite: noble, keyring: corp.pgp}
  - {name: updates, suite: noble-updates, keyring: corp.pgp}
  - {name: security, suite: noble-security, keyring: corp.pgp}
packages: [tool, extra]
"""
BACKPORTS = "  - {name: backports, suite: noble-backports, keyring: corp.pgp}\npackages:"
CONTRACT = """\
schema_version: 1
runs_as: 65532
shell: absent
files:
  /etc/os-release: {contains: ["ID=ubuntu"]}
  /usr/bin/tool: {mode: "0755", owner: 0}
  /usr/bin/dpkg: absent
"""


@dataclass(frozen=True)
class Ubuntu:
    """The two halves of the archive, their server and the key that signs them."""

    builder: ArchiveBuilder
    key: SigningKey
    server: Server

    def desk(self, directory: Path, recipe: str = RECIPE) -> Desk:
        """A desk whose mirrors are this archive's halves."""
        desk = Desk.lay(directory, self.server, self.key, recipe=recipe)
        desk.write(
            "neve.toml",
            f'[mirrors]\nubuntu = "{self.server.url}/ubuntu"\n'
            f'ubuntu-ports = "{self.server.url}/ubuntu-ports"\n',
        )
        return desk


def ubuntu_deb(name: str, version: str, architecture: str, **options: object) -> Deb:
    """A package as Ubuntu has them: zstd inside."""
    return make_deb(name, version, architecture, compression="zst", **options)  # type: ignore[arg-type]  # checked by make_deb


def base_files(architecture: str) -> Deb:
    """The package that ships the merged-/usr links."""
    files: dict[str, Member] = {
        "usr/lib/os-release": OS_RELEASE,
        "etc/os-release": Link("../usr/lib/os-release"),
        "etc/debian_version": b"trixie/sid\n",
        "etc/lsb-release": b"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\n",
        "bin": Link("usr/bin"),
        "sbin": Link("usr/sbin"),
        "lib": Link("usr/lib"),
        "usr/share/doc/base-files/copyright": b"GPL\n",
    }
    if architecture == "amd64":
        files["lib64"] = Link("usr/lib64")
        files["usr/lib64/.keep"] = b""
    return ubuntu_deb("base-files", "13ubuntu10", architecture, files=files)


def tool(version: str, architecture: str, word: bytes) -> Deb:
    """A program with a library of the same source, and an account that its postinst makes."""
    return ubuntu_deb(
        "tool",
        version,
        architecture,
        files={
            "usr/bin/tool": Regular(word + b" for " + architecture.encode(), 0o755),
            # Packages written before merged-/usr still say /lib.
            "lib/tool/rules": b"rules\n",
            "usr/share/doc/tool/copyright": b"MIT\n",
        },
        fields={"Depends": "libtool1 (>= 1.0)", "Source": "toolbox (2:9.1-1ubuntu2)"},
        scripts={"postinst": "#!/bin/sh\nset -e\nadduser --system --group --quiet tool\n"},
    )


def build_archive(root: Path, key: SigningKey) -> ArchiveBuilder:
    """Publish all pockets, then part the architectures as Ubuntu's two hosts do."""
    builder = ArchiveBuilder(root / "ubuntu")
    for architecture in ("amd64", "arm64"):
        builder.add(base_files(architecture), suite=SERIES)
        builder.add(tool("1.0-1ubuntu2", architecture, b"old"), suite=SERIES)
        builder.add(tool("1.0-1ubuntu2.1", architecture, b"fixed"), suite=f"{SERIES}-security")
        builder.add(tool("1.0-1ubuntu2.1", architecture, b"fixed"), suite=f"{SERIES}-updates")
        builder.add(tool("3.0-1~24.04", architecture, b"new"), suite=f"{SERIES}-backports")
        library = {"usr/lib/libtool.so.1": Regular(b"library for " + architecture.encode())}
        builder.add(
            ubuntu_deb("libtool1", "1.0-1build2", architecture, files=library), suite=SERIES
        )
    data = {"usr/share/extra/data": b"data\n"}
    riddle = {"postinst": "#!/bin/sh\nconjure --all\n"}
    for deb in (
        ubuntu_deb("extra", "0.1-3", "all", files=data),
        ubuntu_deb("riddle", "7", "all", scripts=riddle),
    ):
        builder.add(deb, component="universe", suite=SERIES)
    for pocket in ("", "-updates", "-security", "-backports"):
        late = {"NotAutomatic": "yes", "ButAutomaticUpgrades": "yes"}
        builder.publish(
            SERIES + pocket,
            key=key,
            date=int(time.time()) - HOUR,
            codename=SERIES,
            components=COMPONENTS,
            origin="Ubuntu",
            label="Ubuntu",
            fields={"Version": "24.04", **(late if pocket == "-backports" else {})},
            compressions=(".gz", ".xz"),
        )
    shutil.copytree(root / "ubuntu", root / "ubuntu-ports")
    for half, other in (("ubuntu", "arm64"), ("ubuntu-ports", "amd64")):
        for index in (root / half / "dists").glob(f"*/*/binary-{other}"):
            shutil.rmtree(index)
        for package in (root / half / "pool").rglob(f"*_{other}.deb"):
            package.unlink()
    return builder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ubuntu]:
    root = tmp_path_factory.mktemp("ubuntu")
    key = SigningKey.generate("Ubuntu mirror of an organisation")
    builder = build_archive(root, key)
    with serve(root) as server:
        yield Ubuntu(builder, key, server)


@pytest.fixture(scope="module")
def built(archive: Ubuntu, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a lock and an image of both platforms."""
    desk = archive.desk(tmp_path_factory.mktemp("built") / "desk")
    desk.neve("lock")
    both = ("--platform", "linux/amd64", "--platform", "linux/arm64")
    desk.build("out", *both, "--attestations", desk.directory / "attestations")
    return desk


def tree_of(desk: Desk, platform: Platform) -> Tree:
    """The files of one platform's image."""
    with Store.open(desk.directory / "reader") as store:
        return read_tree(open_image(desk.directory / "out", platform=platform), store)


def text_of(desk: Desk, platform: Platform, path: str) -> str:
    """A file of the image as text."""
    with Store.open(desk.directory / "reader") as store:
        tree = read_tree(open_image(desk.directory / "out", platform=platform), store)
        entry = tree.get(tree.resolve(path))
        assert entry is not None, path
        return bytes(store_reader(store)(entry)).decode()


def test_lock_names_the_newest_packages_of_every_pocket_and_component(built: Desk) -> None:
    lock = json.loads((built.directory / "neve.lock").read_text())
    chosen = {
        (row["name"], row["architecture"]): (row["version"], row["archive"])
        for row in lock["packages"]
    }
    for architecture in ("amd64", "arm64"):
        version, where = chosen["tool", architecture]
        assert version == "1.0-1ubuntu2.1"
        assert where in ("ubuntu:noble-security", "ubuntu:noble-updates")
        assert chosen["libtool1", architecture] == ("1.0-1build2", "ubuntu:noble")
    assert chosen["extra", "all"] == ("0.1-3", "ubuntu:noble")
    assert {row["codename"] for row in lock["archives"]} == {SERIES}
    components = {index["component"] for row in lock["archives"] for index in row["indexes"]}
    assert components == {"main", "universe"}


def test_each_architecture_comes_from_its_own_half_of_the_archive(
    archive: Ubuntu, built: Desk
) -> None:
    paths = archive.server.paths()
    assert not any("arm64" in path for path in paths if path.startswith("/ubuntu/"))
    assert not any("amd64" in path for path in paths if path.startswith("/ubuntu-ports/"))
    assert any("tool_1.0-1ubuntu2.1_arm64.deb" in path for path in paths)


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_image_is_ubuntu_for_every_scanner(built: Desk, platform: Platform) -> None:
    assert "ID=ubuntu" in text_of(built, platform, "/etc/os-release")
    status = text_of(built, platform, "/var/lib/dpkg/status.d/tool")
    assert f"Architecture: {platform.architecture}\n" in status
    assert "Version: 1.0-1ubuntu2.1\n" in status
    assert "Source: toolbox (2:9.1-1ubuntu2)\n" in status
    sums = text_of(built, platform, "/var/lib/dpkg/status.d/tool.md5sums")
    assert "usr/bin/tool" in sums
    assert text_of(built, platform, "/usr/bin/tool") == f"fixed for {platform.architecture}"


def test_merged_usr_is_ubuntus(built: Desk) -> None:
    for platform in (AMD64, ARM64):
        tree = tree_of(built, platform)
        assert {path: tree.get(path).target for path in ("/bin", "/sbin", "/lib")} == {  # type: ignore[union-attr]  # a missing link fails the test
            "/bin": "usr/bin",
            "/sbin": "usr/sbin",
            "/lib": "usr/lib",
        }
        assert tree.get("/usr/lib/tool/rules") is not None
        assert (tree.get("/lib64") is not None) == (platform == AMD64)


def test_sbom_names_ubuntu_packages_by_release(built: Desk) -> None:
    written = [p.read_text() for p in (built.directory / "attestations").rglob("*.json")]
    purls = set(re.findall(r"pkg:deb/[^\"\\]+", "".join(written)))
    assert "pkg:deb/ubuntu/tool@1.0-1ubuntu2.1?arch=arm64&distro=ubuntu-24.04" in purls
    assert "pkg:deb/ubuntu/extra@0.1-3?arch=all&distro=ubuntu-24.04" in purls
    assert all(p.startswith("pkg:deb/ubuntu/") and p.endswith("=ubuntu-24.04") for p in purls)


def test_a_recipe_may_name_the_series_and_the_sbom_still_says_the_version(
    archive: Ubuntu, tmp_path: Path
) -> None:
    desk = archive.desk(tmp_path / "desk", RECIPE.replace('"24.04"', "noble"))
    desk.build("out", "--attestations", tmp_path / "attestations")
    text = "".join(path.read_text() for path in (tmp_path / "attestations").glob("*"))
    assert "distro=ubuntu-24.04" in text
    assert "ubuntu-noble" not in text


def test_why_answers_for_image_and_recipe(built: Desk) -> None:
    said = built.neve("why", "out", "/usr/lib/libtool.so.1", "--platform", "linux/arm64").out
    assert "libtool1" in said
    assert "1.0-1build2" in said
    assert "tool → libtool1 (>= 1.0)" in said
    assert "packages[0]" in built.neve("why", "neve.yaml", "libtool1").out
    assert "tool:" in text_of(built, ARM64, "/etc/passwd")


def test_contract_holds_on_the_image(built: Desk) -> None:
    contract = built.write("contract.yaml", CONTRACT)
    done = built.neve("test", "out", "--contract", contract)
    assert "/etc/os-release" in done.out


def test_same_lock_gives_the_same_digest_from_a_cold_store(built: Desk, tmp_path: Path) -> None:
    assert built.build("two", env={"NEVE_STORE": str(tmp_path / "cold")}) == built.build("one")


def test_backports_are_for_those_who_ask(archive: Ubuntu, tmp_path: Path) -> None:
    plain = archive.desk(tmp_path / "plain", RECIPE.replace("packages:", BACKPORTS))
    plain.neve("lock")
    assert '"3.0-1~24.04"' not in (plain.directory / "neve.lock").read_text()
    asked = RECIPE.replace("packages:", BACKPORTS).replace("[tool,", "[tool/backports,")
    desk = archive.desk(tmp_path / "asked", asked)
    desk.neve("lock")
    assert '"3.0-1~24.04"' in (desk.directory / "neve.lock").read_text()


def test_ubuntus_own_key_is_wanted_where_the_recipe_names_no_other(
    archive: Ubuntu, tmp_path: Path
) -> None:
    head, _, tail = RECIPE.partition("repositories:")
    desk = archive.desk(tmp_path / "desk", head + "packages:" + tail.partition("packages:")[2])
    done = desk.neve("lock", expect=3)
    assert "ubuntu:noble" in done.err
    assert "no key that may sign this suite has signed" in done.err
    assert f"may sign: {ubuntu.UBUNTU_2404.suites[0].signers[0]}" in done.err
    assert not (desk.directory / "neve.lock").exists()


def test_unknown_scripts_stop_the_lock_with_the_command_that_traces_them(
    archive: Ubuntu, tmp_path: Path
) -> None:
    desk = archive.desk(tmp_path / "desk", RECIPE.replace("extra]", "riddle]"))
    done = desk.neve("lock", expect=4)
    assert "no effect is known for the maintainer scripts of riddle" in done.err
    assert "conjure --all" in done.err
    command = "neve effects trace riddle --distribution ubuntu --release 24.04"
    assert command in " ".join(done.err.split())
    assert re.search(r"- script: riddle:sha256:[0-9a-f]{12}", done.err)
    assert not (desk.directory / "neve.lock").exists()


def test_ubuntu_is_one_small_file_and_nothing_elsewhere() -> None:
    module = Path(ubuntu.__file__)
    assert len(module.read_text().splitlines()) < 100
    rooms = module.parents[1]
    naming = {
        str(path.relative_to(rooms))
        for path in rooms.rglob("*.py")
        # advisories and reports call distributions as their publishers do
        if "vulns" not in path.relative_to(rooms).parts
        if re.search(r"==\s*[\"']ubuntu[\"']|[\"']ubuntu[\"']\s*(==|in\b|:)", path.read_text())
    }
    assert naming <= {"distro/ubuntu.py"}
