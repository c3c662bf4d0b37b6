"""What each kind of package's own files give: name, version, package-url, files, licences."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.inventory.facts import observing
from neve.inventory.observers import OBSERVERS
from neve.inventory.types import Candidate, Depth, FileFacts, Package, PackageType

Found = list[tuple[str, str, str]]


def facts(path: str, data: bytes) -> FileFacts:
    candidate = Candidate(path=path, mode=0o755, size=len(data))
    return observing(Depth.PACKAGES).observe(candidate, memoryview(data)) or FileFacts()


def packages(path: str, data: bytes) -> Found:
    found = facts(path, data)
    assert found.unjudged == ()
    return [(item.type.value, item.name, item.version) for item in found.packages]


def only(path: str, data: bytes) -> Package:
    found = facts(path, data)
    assert found.unjudged == ()
    (package,) = found.packages
    return package


METADATA = b"""\
Metadata-Version: 2.4
Name: Zope.Interface_x
Version: 6.1
License-Expression: ZPL-2.1
Author-email: Somebody <somebody@example.org>
Classifier: License :: OSI Approved :: Zope Public License

Name: not-this
Version: 9
"""


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/python3/dist-packages/x-6.1.dist-info/METADATA",
        "/usr/lib/python3/dist-packages/x.egg-info/PKG-INFO",
        "/usr/lib/python3/dist-packages/x-6.1.egg-info",
        "/opt/x-6.1.egg/EGG-INFO/PKG-INFO",
        "/a/setuptools/_vendor/x-6.1.dist-info/METADATA",
    ],
)
def test_python(path: str) -> None:
    found = only(path, METADATA)
    assert (found.type, found.name, found.version) == (PackageType.PYPI, "zope-interface-x", "6.1")
    assert found.purl == "pkg:pypi/zope-interface-x@6.1"
    assert (found.licences, found.paths) == (("ZPL-2.1",), (path,))


def zipped(files: dict[str, bytes | str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in files.items():
            new.writestr(name, data)
    return made.getvalue()


def test_a_zipped_egg() -> None:
    assert packages("/a/x-6.1-py3.11.egg", zipped({"EGG-INFO/PKG-INFO": METADATA})) == [
        ("pypi", "zope-interface-x", "6.1")
    ]


def test_node() -> None:
    data = json.dumps(
        {"name": "@babel/core", "version": "7.1.0", "license": {"type": "MIT"},
         "author": {"name": "A", "email": "a@example.org"}}
    )  # fmt: skip
    found = only("/app/node_modules/@babel/core/package.json", data.encode())
    assert (found.name, found.version) == ("@babel/core", "7.1.0")
    assert found.purl == "pkg:npm/%40babel/core@7.1.0"
    assert (found.licences, found.maintainer) == (("MIT",), "A <a@example.org>")


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"", b'{"name": "folder"}', b'{"name": 1, "version": 2}']
)
def test_a_package_json_of_no_package(data: bytes) -> None:
    """A folder of a package says its module type in one; without a version it is none itself."""
    assert packages("/app/node_modules/x/esm/package.json", data) == []


def test_ruby() -> None:
    text = (
        "# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n"
        '  s.name = "rack".freeze\n  s.version = "2.2.6.4"\n  s.authors = ["Le\\u00EFla".freeze]\n'
        '  s.licenses = ["MIT".freeze]\n  s.metadata = { "x" => "y" }\nend\n'
    )
    found = only("/usr/share/rubygems-integration/all/specifications/rack.gemspec", text.encode())
    assert found.purl == "pkg:gem/rack@2.2.6.4"
    assert (found.licences, found.maintainer) == (("MIT",), "Leïla")
    assert packages("/src/specifications/x.gemspec", b's.name = "x"\ns.version = "#{V}"') == []


def test_php() -> None:
    item = {"name": "symfony/console", "version": "v6.4.1", "license": ["MIT"]}
    for document in ({"packages": [item], "dev": False}, [item]):
        found = only("/app/vendor/composer/installed.json", json.dumps(document).encode())
        assert found.purl == "pkg:composer/symfony/console@v6.4.1"
    record = (
        b'a:3:{s:4:"name";s:5:"redis";s:7:"channel";s:12:"pecl.php.net";s:7:"version";'
        b'a:2:{s:7:"release";s:5:"6.0.2";s:3:"api";s:5:"6.0.0";}}'
    )
    found = only("/usr/share/php/.registry/.channel.pecl.php.net/redis.reg", record)
    assert (found.name, found.version) == ("redis", "6.0.2")
    assert found.purl == "pkg:pear/pecl.php.net/redis@6.0.2"


@pytest.mark.parametrize(
    "data",
    [
        b"a:1:{",
        b"a:999999999:{}",
        b'O:8:"stdClass":0:{}',
        b's:99:"x";',
        b"a:1:{i:0;" * 5000,
        b"i:x;",
    ],
)
def test_a_damaged_php_record(data: bytes) -> None:
    found = facts("/usr/share/php/.registry/x.reg", data)
    assert found.packages == ()
    assert found.unjudged == ("is no PEAR record that can be read",)


MANIFEST = (
    "Manifest-Version: 1.0\r\nImplementation-Title: shop\r\nImplementation-Version: 9.9-ve\r\n"
    " ry-long\r\nBundle-SymbolicName: org.example.shop.app;singleton:=true\r\n"
    "Bundle-License: MIT\r\n\r\n"
)


def pom(group: str, artifact: str, version: str) -> str:
    return f"#made by\ngroupId={group}\nartifactId={artifact}\nversion={version}\n"


def jar(files: dict[str, bytes | str] | None = None, manifest: str = MANIFEST) -> bytes:
    return zipped({"META-INF/MANIFEST.MF": manifest, **(files or {})})


def java(path: str, data: bytes) -> Found:
    return [
        (item.purl.split("/")[1], item.name, item.version) for item in facts(path, data).packages
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("shop-1.4.2.jar", ("shop", "1.4.2")),
        ("shop-core-6.1.2-SNAPSHOT.jar", ("shop-core", "6.1.2-SNAPSHOT")),
        ("com.example.icu_50.1.1.v2013.jar", ("icu", "50.1.1.v2013")),
        ("guava.jar", ("guava", "9.9-very-long")),
        ("log4j-1.2-api-2.17.1.jar", ("log4j", "1.2-api-2.17.1")),
        ("netty-r4.jar", ("netty", "r4")),
        ("1.jar", ("shop", "9.9-very-long")),
    ],
)
def test_a_jar_without_pom(name: str, wanted: tuple[str, str]) -> None:
    found = only(f"/app/{name}", jar())
    assert (found.name, found.version) == wanted
    assert found.purl.startswith("pkg:maven/org.example.shop.app/")
    assert found.licences == ("MIT",)


def test_a_shaded_jar() -> None:
    data = jar(
        {
            "META-INF/maven/org.a/shop/pom.properties": pom("org.a", "shop", "1.0"),
            "META-INF/maven/org.b/gson/pom.properties": pom("org.b", "gson", "2.10"),
            "META-INF/maven/org.c/half/pom.properties": pom("org.c", "half", "${project.version}"),
        }
    )
    assert java("/app/shop-1.0.jar", data) == [("org.a", "shop", "1.0"), ("org.b", "gson", "2.10")]


def test_a_pom_with_a_parent() -> None:
    text = (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><parent><groupId>org.p</groupId>'
        "<version>3.1</version></parent><artifactId>child</artifactId></project>"
    )
    assert java("/app/x.jar", jar({"META-INF/maven/org.p/child/pom.xml": text})) == [
        ("org.p", "child", "3.1")
    ]
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><project>&b;</project>'
    assert java("/app/x-2.jar", jar({"META-INF/maven/pom.xml": bomb})) == [
        ("org.example.shop.app", "x", "2")
    ]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("spring-web-6.1.6.jar", "org.springframework"),
        ("spring-boot-3.2.5.jar", "org.springframework.boot"),
        ("spring-security-core-6.2.4.jar", "org.springframework.security"),
        ("tomcat-embed-core-10.1.20.jar", "org.apache.tomcat.embed"),
        ("kafka-clients-3.7.0.jar", "org.apache.kafka"),
        ("org.eclipse.osgi-3.18.600.jar", "org.eclipse.platform"),
        ("unheard-of-1.0.jar", "unheard-of"),
    ],
)
def test_the_group_of_a_jar_without_pom(name: str, group: str) -> None:
    manifest = "Manifest-Version: 1.0\r\nAutomatic-Module-Name: spring.web\r\n\r\n"
    ((found, _, _),) = java(f"/app/{name}", jar(manifest=manifest))
    assert found == group


def test_a_jar_in_a_maven_repository() -> None:
    path = "/root/.m2/repository/org/apache/ant/ant/1.10.13/ant-1.10.13.jar"
    assert java(path, jar()) == [("org.apache.ant", "ant", "1.10.13")]


def test_archives_inside_archives() -> None:
    inner = jar({"META-INF/maven/org.l/lib/pom.properties": pom("org.l", "lib", "2")})
    boot = jar({"BOOT-INF/lib/lib-2.jar": inner, "BOOT-INF/classes/a.class": b"\xca\xfe"})
    war = jar({"WEB-INF/lib/boot-3.jar": boot})
    found = facts("/srv/site-1.war", war)
    assert [item.name for item in found.packages] == ["site", "boot", "lib"]
    assert found.packages[2].paths == (
        "/srv/site-1.war",
        "/srv/site-1.war:WEB-INF/lib/boot-3.jar:BOOT-INF/lib/lib-2.jar",
    )


def test_archives_too_deep_inside_each_other() -> None:
    data = jar()
    for level in range(12):
        data = jar({f"level-{level}.jar": data})
    found = facts("/app/deep-1.jar", data)
    assert 5 <= len(found.packages) <= 8
    assert found.unjudged == ("holds archives too deep inside each other, or too many",)


def test_a_bomb_of_archives() -> None:
    started = time.monotonic()
    bomb = zipped({"META-INF/MANIFEST.MF": MANIFEST + " " * (64 << 20)})
    found = facts("/app/bomb-1.jar", jar({f"{index}.jar": bomb for index in range(40)}))
    assert [item.name for item in found.packages] == ["bomb"]
    assert len(found.unjudged) == 40
    assert time.monotonic() - started < 10


def test_many_names_of_one_archive_inside() -> None:
    """Twenty thousand entries that lead to the same bytes are not read twenty thousand times."""
    inner = jar({f"{index}.class": b"" for index in range(2000)})
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as new:
        new.writestr("a-1.jar", inner)
    data = bytearray(made.getvalue())
    start, end = data.rindex(b"PK\1\2"), data.rindex(b"PK\5\6")
    rows = bytes(data[start:end]) * 20_000
    ending = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 20_000, 20_000, len(rows), start, 0)
    started = time.monotonic()
    found = facts("/app/x-1.jar", bytes(data[:start]) + rows + ending)
    assert found.unjudged
    assert time.monotonic() - started < 10


def test_what_is_called_a_jar_and_is_none() -> None:
    found = facts("/app/x.jar", b"version https://git-lfs.example/spec")
    assert (found.packages, found.unjudged) == ((), ("x.jar: is no ZIP archive",))
    assert facts("/app/x.rar", b"Rar!\x1a\x07") == FileFacts()
    assert facts("/app/empty.jar", b"") == FileFacts()


def test_a_java_runtime() -> None:
    text = (
        'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_RUNTIME_VERSION="21.0.4+7-LTS"\n'
        'JAVA_VERSION="21.0.4"\n'
    )
    found = only("/opt/java/openjdk/release", text.encode())
    assert (found.type.value, found.name, found.version) == ("generic", "openjdk", "21.0.4+7-LTS")
    launcher = b"\x7fELF\0openjdk\0java\x000.0\x0021.0.4+7-LTS\0"
    assert only("/opt/java/openjdk/bin/java", launcher).purl == found.purl, "one and the same"
    assert packages("/etc/release", b"PRETTY=1\n") == []


def elf(sections: dict[str, bytes], *, order: str = "<") -> bytes:
    """A 64-bit ELF whose file holds the named sections; addresses are offsets."""
    names = bytearray(b"\0")
    body = bytearray(bytes(64 + 56))
    rows = [bytes(64)]
    for name, data in {**sections, ".shstrtab": b""}.items():
        at = len(names)
        names.extend(name.encode() + b"\0")
        body.extend(bytes(-len(body) % 16))
        if name == ".shstrtab":
            data = bytes(names)
        rows.append(
            struct.pack(
                order + "IIQQQQIIQQ", at, 1, 3, len(body), len(body), len(data), 0, 0, 16, 0
            )
        )
        body.extend(data)
    table = len(body)
    body.extend(b"".join(rows))
    body[:64] = (
        b"\x7fELF"
        + bytes([2, 1 if order == "<" else 2, 1]).ljust(12, b"\0")
        + struct.pack(
            order + "HHIQQQIHHHHHH",
            2,
            62,
            1,
            0,
            64,
            table,
            0,
            64,
            56,
            1,
            64,
            len(rows),
            len(rows) - 1,
        )
    )
    size = len(body)
    body[64:120] = struct.pack(order + "IIQQQQQQ", 1, 6, 0, 0, 0, size, size, 16)
    return bytes(body)


MODULES = (
    "path\tgithub.com/a/tool/cmd/x\nmod\tgithub.com/a/tool\tv1.2.3\th1:x=\n"
    "dep\tgolang.org/x/net\tv0.17.0\th1:y=\ndep\tgithub.com/old/fork\tv1.0.0\n"
    "=>\tgithub.com/new/fork\tv1.0.9\th1:z=\nbuild\t-compiler=gc\nbuild\tCGO_ENABLED=1\n"
)


def go_inline(listed: str, version: str = "go1.22.1 X:boringcrypto") -> bytes:
    def text(value: bytes) -> bytes:
        length, count = b"", len(value)
        while count >= 0x80:
            length, count = length + bytes([count & 0x7F | 0x80]), count >> 7
        return length + bytes([count]) + value

    info = b"0" * 16 + listed.encode() + b"1" * 16
    return b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16) + text(version.encode()) + text(info)


def test_go() -> None:
    wanted = [
        ("golang", "github.com/a/tool", "v1.2.3"),
        ("golang", "golang.org/x/net", "v0.17.0"),
        ("golang", "github.com/new/fork", "v1.0.9"),
        ("golang", "stdlib", "go1.22.1"),
    ]
    assert packages("/bin/tool", elf({".go.buildinfo": go_inline(MODULES)})) == wanted
    assert only("/bin/x", elf({".go.buildinfo": go_inline("")})).purl == "pkg:golang/stdlib@1.22.1"


@pytest.mark.parametrize("order", ["<", ">"])
def test_go_before_1_18(order: str) -> None:
    info = b"0" * 16 + MODULES.encode() + b"1" * 16
    block = 128  # where the first section lies
    version, strings = block + 64, block + 96
    at = strings + len(b"go1.16.3")
    data = b"\xff Go buildinf:" + bytes([8, 1 if order == ">" else 0])
    data += struct.pack(order + "QQ", block + 32, block + 48)
    data += struct.pack(order + "QQQQ", strings, 8, at, len(info))
    data = data.ljust(strings - block, b"\0") + b"go1.16.3" + info
    assert version < strings
    found = packages("/bin/tool", elf({".go.buildinfo": data}, order=order))
    assert found[0] == ("golang", "github.com/a/tool", "v1.2.3")
    assert found[-1] == ("golang", "stdlib", "go1.16.3")


@pytest.mark.parametrize(
    ("settings_", "version"),
    [
        ('build\t-ldflags="-s -X main.version=1.4.0"\n', "v1.4.0"),
        ('build\t-ldflags="-X github.com/a/tool/v.BuildVersion=v2.0.1-rc1"\n', "v2.0.1-rc1"),
        ('build\t-ldflags="-X github.com/other/v.Version=v9.9.9"\n', "(devel)"),
        ("build\tvcs.revision=0123456789abcdef\nbuild\tvcs.time=2024-02-03T04:05:06Z\n",
         "v0.0.0-20240203040506-0123456789ab"),
        ("", "(devel)"),
    ],
)  # fmt: skip
def test_the_version_of_a_go_program_of_no_release(settings_: str, version: str) -> None:
    listed = "mod\tgithub.com/a/tool\t(devel)\t\n" + settings_
    found = packages("/bin/tool", elf({".go.buildinfo": go_inline(listed)}))
    assert found[0] == ("golang", "github.com/a/tool", version)


@pytest.mark.parametrize(
    ("texts", "version"),
    [
        (b"\0\x002.8.2+ds1\0\0", "v2.8.2+ds1"),
        (b"\0v1.0.0-rc.1\0..\0v1.0.0-rc.1\0", "v1.0.0-rc.1"),
        (b"\x001.0.0\0\x002.0.0\0", "(devel)"),
        (b"needs 1.2.3 or newer\0", "(devel)"),
    ],
)
def test_the_version_that_a_linker_set(texts: bytes, version: str) -> None:
    """Without the linker's flags only a single text of that kind says anything."""
    program = elf({".go.buildinfo": go_inline("path\tgithub.com/a/tool/cmd/x\n"), ".rodata": texts})
    assert packages("/bin/x", program)[0] == ("golang", "github.com/a/tool/cmd/x", version)


def test_rust() -> None:
    document = {"packages": [
        {"name": "serde", "version": "1.0.1", "source": "crates.io"},
        {"name": "cc", "version": "1.0", "source": "crates.io", "kind": "build"},
    ]}  # fmt: skip
    data = elf({".dep-v0": zlib.compress(json.dumps(document).encode())})
    assert packages("/bin/x", data) == [("cargo", "serde", "1.0.1")]


def test_a_rust_bomb() -> None:
    data = elf({".dep-v0": zlib.compress(b" " * (64 << 20))})
    assert facts("/bin/x", data).unjudged == ("is no program that can be read",)


def test_a_package_note() -> None:
    note = struct.pack("<III4s", 4, 64, 0xCAFE1A7E, b"FDO\0")
    text = (
        b'{"type":"rpm","name":"hello","version":"2.10-3.fc40","architecture":"x86_64",'
        b'"os":"fedora"}'
    )
    found = only("/bin/x", elf({".note.package": note + text + b"\0\0\0"}))
    assert (found.name, found.version) == ("hello", "2.10-3.fc40")
    assert found.purl == "pkg:rpm/fedora/hello@2.10-3.fc40?arch=x86_64"


def test_a_native_image_of_java() -> None:
    document = {"components": [{"group": "org.a", "name": "lib", "version": "1.1"}]}
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(json.dumps(document).encode()) + packer.flush()
    strings = b"\0sbom\0sbom_length\0"
    heap = struct.pack("<Q", len(packed)) + packed  # the first section: at 128
    symbols = struct.pack("<IBBHQQ", 1, 0, 0, 1, 136, 0) + struct.pack(
        "<IBBHQQ", 6, 0, 0, 1, 128, 0
    )
    data = elf({".svm_heap": heap, ".dynsym": symbols, ".dynstr": strings})
    assert packages("/app/server", data) == [("maven", "lib", "1.1")]


@pytest.mark.parametrize(
    ("path", "data", "wanted"),
    [
        ("/usr/local/bin/node", b"..node.js/v22.9.0..", ("node", "22.9.0")),
        ("/usr/local/bin/python3.12", b"Py_Main\x003.12.4\0", ("python", "3.12.4")),
        ("/usr/lib/libpython3.12.so.1.0", b"Py_Main\x003.12.0rc2+\0", ("python", "3.12.0rc2+")),
        ("/usr/sbin/nginx", b"\0nginx version: nginx/1.27.0\n", ("nginx", "1.27.0")),
        ("/usr/sbin/nginx", b"\0nginx version: openresty/1.21.4.1", ("nginx", "1.21.4")),
        ("/opt/redis-server", b"\0007.2.4buildkitsandbox-17", ("redis", "7.2.4")),
        ("/opt/valkey-server", b"\0008.0.1buildkitsandbox-17", ("valkey", "8.0.1")),
        ("/usr/lib/postgresql/bin/postgres", b"\0PostgreSQL 16.3 (", ("postgresql", "16.3")),
        ("/bin/busybox", b"BusyBox v1.36.1 (2024)", ("busybox", "1.36.1")),
        ("/usr/sbin/haproxy", b"version 2.9.6-9eafce5, released 2024", ("haproxy", "2.9.6")),
        ("/usr/local/apache2/bin/httpd", b"Apache/2.4.59 (Unix)", ("httpd", "2.4.59")),
        ("/usr/local/bin/memcached", b"memcached 1.6.27", ("memcached", "1.6.27")),
        ("/usr/local/bin/ruby", b"ruby 3.3.0rc1 (2023-12-11", ("ruby", "3.3.0rc1")),
        ("/usr/local/sbin/php-fpm", b"X-Powered-By: PHP/8.3.7\0", ("php-fpm", "8.3.7")),
        ("/usr/local/bin/perl", b"/usr/local/lib/perl5/5.38.2/x86", ("perl", "5.38.2")),
        ("/usr/bin/openssl", b"\0OpenSSL 3.1.4 24 Oct 2023\0", ("openssl", "3.1.4")),
        ("/opt/jdk/bin/java", b"\0openjdk\0java\x000.0\x0017.0.11+9\0", ("openjdk", "17.0.11+9")),
        ("/usr/bin/mariadb", b"..11.3.2-MariaDB..", ("mariadb", "11.3.2")),
        ("/usr/bin/bash", b"@(#)Bash version 5.2.15(1) release GNU", ("bash", "5.2.15")),
        ("/usr/bin/curl", b"curl/8.7.1\0", ("curl", "8.7.1")),
    ],
)
def test_programs_of_no_package(path: str, data: bytes, wanted: tuple[str, str]) -> None:
    assert packages(path, b"\x7fELF" + data) == [("generic", *wanted)]


def test_a_name_alone_makes_no_program() -> None:
    for name in ("node", "nginx", "java", "mysql", "go", "jq", "zstd"):
        assert packages(f"/usr/bin/{name}", b"#!/bin/sh\nexec something 1.2.3\n") == []


def test_mariadb_called_mysql_is_not_mysql() -> None:
    data = b"..10.11.6-MariaDB..\x0010.11.6\0\0mysql_init"
    assert packages("/usr/bin/mysql", data) == [("generic", "mariadb", "10.11.6")]


@pytest.mark.parametrize(
    ("path", "data", "wanted"),
    [
        ("/usr/lib/R/rlang/DESCRIPTION", b"Package: rlang\nVersion: 1.1.3\nLicense: MIT\n",
         ("cran", "rlang", "1.1.3")),
        ("/usr/lib/luarocks/lpeg-1.0.2-1.rockspec", b'package = "LPeg"\nversion = "1.0.2-1"\n',
         ("luarocks", "LPeg", "1.0.2-1")),
        ("/opt/conda/conda-meta/zlib-1.3.json", b'{"name":"zlib","version":"1.3","build":"h1"}',
         ("conda", "zlib", "1.3")),
        ("/nix/store/0c0y0acgq4kfiqg1cbk4fzp7mdb38mfv-hello-2.12.1-bin/bin/hello", b"x",
         ("nix", "hello", "2.12.1")),
        ("/var/lib/pacman/local/zlib-1:1.3-1/desc", b"%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n",
         ("alpm", "zlib", "1:1.3-1")),
        ("/var/db/pkg/app-shells/bash-5.2_p26-r3/CONTENTS", b"dir /bin\n",
         ("ebuild", "app-shells/bash", "5.2_p26-r3")),
        ("/var/www/wp-content/plugins/akismet/akismet.php",
         b"<?php\n/**\n * Plugin Name: Akismet\n * Version: 5.3\n */",
         ("generic", "Akismet", "5.3")),
        ("/app/app.deps.json",
         b'{"libraries":{"app/1.0":{"type":"project"},"Serilog/3.1.1":{"type":"package"}}}',
         ("nuget", "Serilog", "3.1.1")),
    ],
)  # fmt: skip
def test_rarer_kinds(path: str, data: bytes, wanted: tuple[str, str, str]) -> None:
    assert packages(path, data) == [wanted]


def test_conan() -> None:
    path = "/root/.conan/data/zlib/1.2.13/_/_/package/abc/conaninfo.txt"
    assert packages(path, b"[full_requires]\nbzip2/1.0.8:dead\n[options]\na/b\n") == [
        ("conan", "zlib", "1.2.13"),
        ("conan", "bzip2", "1.0.8"),
    ]


def test_a_kernel() -> None:
    data = bytearray(0x1000)
    data[0x202:0x206] = b"HdrS"
    data[0x20E:0x210] = (0x400).to_bytes(2, "little")
    data[0x600:0x640] = b"6.1.0-42-cloud-amd64 (debian) #1 SMP".ljust(0x40, b"\0")
    assert packages("/boot/vmlinuz-6.1", bytes(data)) == [
        ("generic", "linux-kernel", "6.1.0-42-cloud-amd64")
    ]


def test_a_module_without_a_version_of_its_own_is_part_of_its_kernel() -> None:
    own = b"name=zfs\0version=2.2.3-1\0vermagic=6.1.0-42-amd64 SMP\0"
    assert packages("/lib/modules/6/zfs.ko", elf({".modinfo": own})) == [
        ("generic", "zfs", "2.2.3-1")
    ]
    plain = b"name=nvme\0vermagic=6.1.0-42-amd64 SMP\0"
    assert packages("/lib/modules/6/nvme.ko", elf({".modinfo": plain})) == []


def test_files_that_arch_and_gentoo_own() -> None:
    found = facts(
        "/var/lib/pacman/local/gcc-libs-13-1/files", b"%FILES%\nusr/\nusr/lib/a\n\n%BACKUP%\n"
    )
    assert [(item.package, item.files) for item in found.listed] == [
        ("gcc-libs", (("/usr/lib/a", ""),))
    ]
    text = b"obj /bin/a b 0123456789ABCDEF0123456789abcdef 17\nsym /bin/c -> a 17\n"
    found = facts("/var/db/pkg/app-shells/bash-5.2/CONTENTS", text)
    assert [item.files for item in found.listed] == [
        (("/bin/a b", "md5:0123456789abcdef0123456789abcdef"), ("/bin/c", ""))
    ]


def test_older_databases_of_rpm_are_named_and_not_judged() -> None:
    berkeley = b"\0" * 12 + (0x00061561).to_bytes(4, "little") + bytes(100)
    for path, data, form in [
        ("/var/lib/rpm/Packages", berkeley, "Berkeley DB"),
        ("/usr/lib/sysimage/rpm/Packages.db", b"RpmP" + bytes(100), "ndb"),
    ]:
        (note,) = facts(path, data).unjudged
        assert f"in {form} form" in note
    assert facts("/var/lib/rpm/rpmdb.sqlite-wal", b"7" * 40).unjudged
    assert facts("/var/lib/rpm/rpmdb.sqlite-wal", b"") == FileFacts()
    assert facts("/var/lib/rpm/rpmdb.sqlite", b"junk").unjudged


def test_apk() -> None:
    data = b"P:musl-utils\nV:1.2-r0\nA:x86_64\no:musl\nF:etc\nR:a.conf\nF:bin\nR:ldd\n\n"
    data += b"P:x\nV:1\n\nV:1\n"
    found = facts("/lib/apk/db/installed", data)
    assert [(p.name, p.version, p.source) for p in found.packages] == [
        ("musl-utils", "1.2-r0", "musl"),
        ("x", "1", "x"),
    ]
    assert found.listed[0].configuration == {"/etc/a.conf"}
    assert [path for path, _ in found.listed[0].files] == ["/etc/a.conf", "/bin/ldd"]
    assert len(found.unjudged) == 1


NAMED = [
    "/a/x.dist-info/METADATA", "/a/x.egg", "/a/package.json", "/a/x.jar", "/a/release",
    "/a/specifications/x.gemspec", "/a/composer/installed.json", "/a/php/.registry/x.reg",
    "/a/DESCRIPTION", "/a/x.rockspec", "/a/conaninfo.txt", "/a/conda-meta/x.json",
    "/nix/store/0c0y0acgq4kfiqg1cbk4fzp7mdb38mfv-a-1/x", "/var/lib/pacman/local/a-1-1/desc",
    "/var/lib/pacman/local/a-1-1/files", "/var/db/pkg/a/b-1/CONTENTS", "/a/x.deps.json",
    "/a/x.dll", "/a/wp-content/plugins/x/x.php", "/boot/vmlinuz", "/lib/modules/1/x.ko",
    "/lib/apk/db/installed", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages", "/bin/java",
    "/bin/python3", "/bin/envoy", "/bin/grafana", "/bin/x",
]  # fmt: skip
BEGINNINGS = st.sampled_from(
    [b"", b"\x7fELF\x02\x01\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"PK\3\4", b"{", b"[", b"a:1:{",
     b"SQLite format 3\0", b"P:a\nV:1\n", b"\x7fELF\x01\x02\x01"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(NAMED), start=BEGINNINGS, rest=st.binary(max_size=600))
def test_no_observer_raises_for_any_content(path: str, start: bytes, rest: bytes) -> None:
    data = memoryview(start + rest)
    candidate = Candidate(path=path, mode=0o755, size=len(data))
    interesting = observing(Depth.PACKAGES)
    for observer in interesting.asking(path, bytes(data[:8])):
        observer.observe(candidate, data)


@pytest.mark.parametrize("path", NAMED)
@pytest.mark.parametrize(
    "data",
    [b"[" * 200_000, b"1" * 300_000, b"1." * 150_000, b"\0" * 300_000, b"\n" * 300_000,
     b" \n" * 150_000, b"A" * 300_000, b"\x7fELF" + b"\0" * 300_000, b"/" * 300_000,
     b"Version: " * 30_000, b"s.name = '" * 30_000, b"\0java\0" * 50_000],
    ids=range(12),
)  # fmt: skip
def test_monotonous_files_take_no_longer_than_others(path: str, data: bytes) -> None:
    started = time.monotonic()
    facts(path, data)
    assert time.monotonic() - started < 2


def test_every_row_is_of_this_depth_and_has_its_own_name() -> None:
    rows = [item for item in OBSERVERS if item.depth is Depth.PACKAGES]
    assert len({item.name for item in rows}) == len(rows) > 20


def test_damage_of_a_real_jar(tmp_path: Path) -> None:
    data = jar({"META-INF/maven/org.a/shop/pom.properties": pom("org.a", "shop", "1.0")})
    for at in range(0, len(data), 7):
        damaged = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        facts("/app/shop-1.0.jar", damaged)
        facts("/app/shop-1.0.jar", data[:at])
