"""Packages of every kind beside what syft finds, and version orders beside the tools' own.

The root file system is made of real packages: Debian's archive (Go, Ruby, PHP, Java, R), the
package index, npm's registry, this project's own tools (Rust, Go) and Alpine's root.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.images import Works

from neve.formats.apk import compare_versions as apk_order
from neve.formats.apk import is_version as is_apk_version
from neve.formats.rpm import compare_versions as rpm_order
from neve.inventory.read import read_inventory
from neve.inventory.rootfs import read_directory
from neve.inventory.types import Depth, Inventory

pytestmark = pytest.mark.integration
ALPINE = Path(__file__).parents[2] / "../shared/data/alpine"
DEBS = (
    "skopeo", "rake", "ruby-rack", "ruby-net-telnet", "php-psr-log", "php-symfony-polyfill-php80",
    "php-composer-semver", "libcommons-io-java", "liblog4j2-java", "ant", "r-cran-rlang",
    "redis-server", "memcached", "busybox-static",
)  # fmt: skip
TYPES = {
    "python": "pypi", "java-archive": "maven", "jenkins-plugin": "maven", "go-module": "golang",
    "php-composer": "composer", "rust-crate": "cargo", "R-package": "cran", "dotnet": "nuget",
    "portage": "ebuild", "lua-rocks": "luarocks", "binary": "generic", "linux-kernel": "generic",
    "php-pecl": "generic", "wordpress-plugin": "generic",
}  # fmt: skip
Key = tuple[str, str, str]

LEFT: dict[Key, str] = {
    ("npm", "folder-of-a-package", ""): "a package.json without a version is a folder's settings",
}
"""What syft names and neve does not, and why; each stands in the tree of this test."""


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*words: str | Path, cwd: Path | None = None, text: str | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, input=text, capture_output=True, text=True,
        timeout=300, check=False, env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def syft(root: Path) -> set[Key]:
    """Type, name and version of each package that syft's catalogers for images find."""
    output = run(
        tool("syft"), "scan", f"dir:{root}", "-q", "-o", "syft-json",
        "--override-default-catalogers", "image",
    )  # fmt: skip
    return {
        (
            TYPES.get(item["type"], item["type"]),
            item["name"],
            "" if item["version"] == "UNKNOWN" else item["version"],
        )
        for item in json.loads(output)["artifacts"]
    }


def neve(root: Path) -> Inventory:
    found = read_directory(root)
    return read_inventory(found.tree, found.read, Depth.PACKAGES)


def refined(key: Key, found: set[Key]) -> bool:
    """Whether syft knows no version of a Go program that neve has one of."""
    kind, name, version = key
    named = {other[2] for other in found if other[:2] == (kind, name)}
    return kind == "golang" and version == "(devel)" and bool(named - {"", "(devel)"})


def keys(found: Inventory) -> set[Key]:
    return {(item.type.value, item.name, item.version) for item in found.packages}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system of many kinds of packages."""
    place = tmp_path_factory.mktemp("many")
    made = place / "root"
    made.mkdir()
    run("apt-get", "-qq", "download", *DEBS, cwd=place)
    for deb in sorted(place.glob("*.deb")):
        run("dpkg-deb", "-x", deb, made)
    site = made / "usr/local/lib/python3.11/site-packages"
    words = ("install", "-q", "--no-deps", "--target", site)
    wheels = ("flask", "requests", "setuptools", "pythonnet", "zope.interface")
    run(sys.executable, "-m", "pip", *words, *wheels)
    programs = made / "opt/bin"
    programs.mkdir(parents=True)
    for name in ("uv", "ruff"):
        shutil.copy(tool(name), programs / name)
    plant_java(made)
    plant_small(made)
    if shutil.which("npm") is not None:
        application = made / "srv/app"
        application.mkdir(parents=True)
        (application / "package.json").write_text('{"name": "app", "version": "1.0.0"}')
        run("npm", "install", "--silent", "--ignore-scripts", "express", cwd=application)
    return made


def plant_java(made: Path) -> None:
    """An executable jar with libraries stored in it, a web archive around it, a plugin."""
    real = [jar for jar in sorted((made / "usr/share/java").glob("*.jar")) if not jar.is_symlink()]
    assert len(real) > 3
    place = made / "opt/java"
    place.mkdir(parents=True)
    boot = place / "shop-1.4.2.jar"
    manifest = "Manifest-Version: 1.0\r\nImplementation-Version: 1.4.2\r\n\r\n"
    pom = "groupId=org.example\nartifactId=shop\nversion=1.4.2\n"
    with zipfile.ZipFile(boot, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", manifest)
        jar.writestr("META-INF/maven/org.example/shop/pom.properties", pom)
        jar.writestr("META-INF/maven/org.b/shaded/pom.properties", pom.replace("shop", "shaded"))
        for library in real:
            jar.write(library, f"BOOT-INF/lib/{library.name}")
    with zipfile.ZipFile(place / "site.war", "w", zipfile.ZIP_DEFLATED) as war:
        war.writestr("META-INF/MANIFEST.MF", manifest)
        war.write(boot, "WEB-INF/lib/shop-1.4.2.jar")
    with zipfile.ZipFile(place / "git.hpi", "w") as plugin:
        text = "Manifest-Version: 1.0\r\nShort-Name: git\r\nPlugin-Version: 5.2.1\r\n"
        plugin.writestr("META-INF/MANIFEST.MF", text + "Group-Id: org.jenkins-ci.plugins\r\n\r\n")
    (place / "jre").mkdir()
    (place / "jre/release").write_text(
        'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_RUNTIME_VERSION="21.0.4+7-LTS"\n'
        'JAVA_VERSION="21.0.4"\nIMAGE_TYPE="JRE"\n'
    )


SMALL = {
    "usr/lib/luarocks/rocks/lpeg/lpeg-1.0.2-1.rockspec": 'package = "LPeg"\nversion = "1.0.2-1"\n',
    "root/.conan/data/zlib/1.2.13/_/_/package/abc/conaninfo.txt": "[full_requires]\nbz/1.0:ab\n",
    "nix/store/0c0y0acgq4kfiqg1cbk4fzp7mdb38mfv-hello-2.12.1/share/hello": "hello",
    "nix/store/1c0y0acgq4kfiqg1cbk4fzp7mdb38mfv-glibc-2.38-44-bin/bin/x": "x",
    "var/www/wp-content/plugins/akismet/akismet.php": (
        "<?php\n/**\n * Plugin Name: Akismet Anti-spam\n * Version: 5.3\n */\n"
    ),
    "var/db/pkg/app-shells/bash-5.2_p26-r3/CONTENTS": "dir /bin\n",
    "var/lib/pacman/local/zlib-1:1.3.1-1/desc": (
        "%NAME%\nzlib\n\n%VERSION%\n1:1.3.1-1\n\n%BASE%\nzlib\n\n%ARCH%\nx86_64\n\n"
    ),
    "app/vendor/composer/installed.json": '{"packages":[{"name":"a/b","version":"3.5.0"}]}',
    "srv/folder/package.json": '{"name": "folder-of-a-package"}',
    "usr/share/php/.registry/.channel.pecl.php.net/redis.reg": (
        'a:3:{s:4:"name";s:5:"redis";s:7:"channel";s:12:"pecl.php.net";'
        's:7:"version";a:1:{s:7:"release";s:5:"6.0.2";}}'
    ),
}


def plant_small(made: Path) -> None:
    for name, text in SMALL.items():
        place = made / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_all_that_syft_finds_is_found(root: Path) -> None:
    theirs, found = syft(root), neve(root)
    kinds = {kind for kind, _, _ in theirs}
    wanted = {"pypi", "golang", "cargo", "gem", "composer", "maven", "cran", "nuget", "generic"}
    assert kinds > wanted, "the tree no longer has all kinds"
    assert {key for key in theirs - keys(found) if not refined(key, keys(found))} == set(LEFT)
    assert found.unjudged == ()
    assert all(item.purl.startswith("pkg:") for item in found.packages)


def test_images_of_the_catalogue(works: Works, tmp_path: Path) -> None:
    tool("umoci")
    for name in ("python", "node", "java"):
        bundle = tmp_path / name
        run("umoci", "raw", "unpack", "--rootless", "--image", f"{works.catalogue(name)}:latest",
            bundle)  # fmt: skip
        assert syft(bundle) - keys(neve(bundle)) == set(), name


@pytest.mark.parametrize("release", ["3.16.9", "3.20.3"])
def test_alpine(tmp_path: Path, release: str) -> None:
    archive = ALPINE / f"alpine-minirootfs-{release}-x86_64.tar.gz"
    if not archive.exists():
        pytest.skip("no Alpine root file system beside the project")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="tar")
    found = neve(tmp_path)
    assert syft(tmp_path) - keys(found) == set()
    busybox = next(item for item in found.packages if item.name == "ssl_client")
    assert (busybox.source, busybox.source_version) == ("busybox", busybox.version)
    assert [item.owner for item in found.packages if item.type.value == "generic"] == ["busybox"]
    assert dict(read_changes(tmp_path)) == {"/etc/shadow": "configuration"}, "its root is locked"


SPEC = """\
Name: hello
Epoch: 1
Version: 2.10
Release: 3
Summary: hello
License: GPLv3+
Vendor: Example Project
BuildArch: noarch
%description
Greets.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
echo hi > %{buildroot}/usr/bin/hello
echo conf > %{buildroot}/etc/hello.conf
%files
/usr/bin/hello
%config /etc/hello.conf
%package libs
Summary: libraries
%description libs
Libraries.
%files libs
"""


def test_a_database_that_rpm_wrote(tmp_path: Path) -> None:
    tool("rpmbuild")
    (tmp_path / "hello.spec").write_text(SPEC)
    run("rpmbuild", "-bb", "--define", f"_topdir {tmp_path / 'top'}", tmp_path / "hello.spec")
    root = tmp_path / "root"
    root.mkdir()
    rpm = ("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite")
    run(*rpm, "--initdb")
    built = sorted((tmp_path / "top/RPMS").rglob("*.rpm"))
    run(*rpm, "-i", "--nodeps", "--noscripts", *built)
    found = neve(root)
    assert keys(found) == {("rpm", "hello", "1:2.10-3"), ("rpm", "hello-libs", "1:2.10-3")}
    assert syft(root) == keys(found)
    assert {item.source for item in found.packages} == {"hello"}
    owners = {item.path: item.owners for item in found.files if item.path.endswith("/hello")}
    assert owners == {"/usr/bin/hello": ("hello",)}
    assert read_changes(root) == []
    (root / "usr/bin/hello").write_text("changed\n")
    assert read_changes(root) == [("/usr/bin/hello", "content")]


def read_changes(root: Path) -> list[tuple[str, str]]:
    found = read_directory(root)
    changed = read_inventory(found.tree, found.read).changed
    return [(item.path, item.change.value) for item in changed]


def apk_version(choose: random.Random) -> str:
    text = choose.choice(["1", "0", "2", "10", "01", "20240101"])
    for _ in range(choose.randint(0, 3)):
        text += "." + choose.choice(["0", "1", "10", "01", "09", "9", "2"])
    text += choose.choice(["", "", "a", "b", "z"])
    for _ in range(choose.choice([0, 0, 1, 2])):
        kind = choose.choice(["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"])
        text += f"_{kind}" + choose.choice(["", "1", "2", "20201010"])
    return text + choose.choice(["", "", "-r0", "-r1", "-r10"])


def test_the_order_of_apk(tmp_path: Path) -> None:
    """Beside the apk of Alpine 3.20, for every pair that it takes for versions."""
    archive = ALPINE / "alpine-minirootfs-3.20.3-x86_64.tar.gz"
    if not archive.exists():
        pytest.skip("no Alpine root file system beside the project")
    tool("bwrap")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="tar")
    choose = random.Random(20)
    pairs = [(apk_version(choose), apk_version(choose)) for _ in range(1200)]
    pairs += [(one, one + choose.choice([".1", "_p1", "_rc1", "-r1", "a"])) for one, _ in pairs]
    pairs = [pair for pair in pairs if all(is_apk_version(text) for text in pair)]
    assert len(pairs) > 1500
    script = "".join(f"/sbin/apk version -t {one} {two}\n" for one, two in pairs)
    words = ("bwrap", "--unshare-all", "--ro-bind", tmp_path, "/", "--dev", "/dev", "/bin/sh")
    answers = run(*words, text=script).split()
    assert answers == ["<=>"[apk_order(one, two) + 1] for one, two in pairs]


def test_the_order_of_rpm() -> None:
    tool("rpm")
    choose = random.Random(20)
    parts = ["1", "0", "00", "01", "10", "2", "a", "ab", ".", "..", "_", "+", "~", "~~", "^", "^~",
             "rc", "Z", "el8"]  # fmt: skip
    texts = ["".join(choose.choices(parts, k=choose.randint(1, 6))) for _ in range(2400)]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    pairs += [(one, one + choose.choice([".", "~", "^", "a", "1", "^1"])) for one, _ in pairs]
    answers: list[str] = []
    for start in range(0, len(pairs), 300):
        calls = "".join(
            f"print(rpm.vercmp('{one}', '{two}')..' ')" for one, two in pairs[start : start + 300]
        )
        answers += run("rpm", "--eval", f"%{{lua:{calls}}}").split()
    assert [int(item) for item in answers] == [rpm_order(one, two) for one, two in pairs]
