"""Our readers against Debian's own tools, on packages and indexes of the live archive."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection, DynamicTag
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from neve.formats.deb import (
    PackageFacts,
    PackagesIndex,
    compare_versions,
    dump_facts,
    field,
    is_version,
    load_facts,
)
from neve.formats.deb.accounts import STATIC_GROUPS, STATIC_USERS
from neve.formats.deb.package import read_package
from neve.formats.deb.status import read_status, status_paragraph
from neve.formats.shebang import read_shebang
from neve.model import sha256_of
from neve.store import Store
from neve.tree import Kind, Slice

pytestmark = pytest.mark.integration

PACKAGES = ("base-files", "bash", "libc6", "passwd", "perl-base", "tzdata", "util-linux", "gcc-12")
TOOLS = ("apt-get", "dpkg", "dpkg-deb")
KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
}

Read = Callable[[str], tuple[Path, PackageFacts]]


def run(*argv: str, **options: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True, **options).stdout  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def indexes() -> tuple[bytes, ...]:
    """Every Packages file that the host's apt knows, inflated."""
    if any(shutil.which(tool) is None for tool in TOOLS):
        pytest.skip("Debian's tools are not installed")
    listed = run("apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages")
    paths = [path for path in listed.decode().split() if Path(path).exists()]
    if not paths:
        pytest.skip("apt has no package lists: run apt-get update")
    return tuple(run("/usr/lib/apt/apt-helper", "cat-file", path) for path in paths)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def read(
    indexes: tuple[bytes, ...], store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Read:
    directory = tmp_path_factory.mktemp("debs")
    known = [
        name
        for name in PACKAGES
        if any(b"\nPackage: %s\n" % name.encode() in b"\n" + i for i in indexes)
    ]
    subprocess.run(["apt-get", "download", *known], cwd=directory, check=True, capture_output=True)
    found: dict[str, tuple[Path, PackageFacts]] = {}

    def of(name: str) -> tuple[Path, PackageFacts]:
        if name not in known:
            pytest.skip(f"the host's release has no {name}")
        if name not in found:
            (path,) = directory.glob(f"{name}_*.deb")
            data = path.read_bytes()
            facts = read_package(io.BytesIO(data), digest=sha256_of(data), store=store)
            found[name] = path, facts
        return found[name]

    return of


def content_of(facts: PackageFacts, content: Slice, store: Store) -> memoryview:
    return store.mapped(facts.data)[content.offset : content.offset + content.size]


def strings(tags: list[DynamicTag], kind: str, attribute: str) -> tuple[str, ...]:
    return tuple(getattr(tag, attribute) for tag in tags if tag.entry.d_tag == kind)


@pytest.mark.parametrize("name", PACKAGES)
def test_entries_are_those_of_dpkg_deb(name: str, read: Read, store: Store) -> None:
    path, facts = read(name)
    raw = run("dpkg-deb", "--fsys-tarfile", str(path))
    assert facts.data == sha256_of(raw)
    entries = {entry.path: entry for entry in facts.entries}
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = archive.getmembers()
        assert len(members) == len(entries)
        for member in members:
            entry = entries["/" + member.name.removeprefix(".").strip("/")]
            assert entry.kind is KINDS[member.type], entry
            assert (entry.mtime, entry.uid, entry.gid) == (
                member.mtime,
                STATIC_USERS.get(member.uname, member.uid),
                STATIC_GROUPS.get(member.gname, member.gid),
            )
            if entry.kind is Kind.SYMLINK:
                assert entry.target == member.linkname
                continue
            assert entry.mode == member.mode & 0o7777
            if isinstance(entry.content, Slice):
                stream = archive.extractfile(member)
                assert stream is not None
                body = stream.read()
                assert content_of(facts, entry.content, store) == body
                assert entry.content.digest == sha256_of(body)
                assert entry.content.sha1 == hashlib.sha1(body).hexdigest()


@pytest.mark.parametrize("name", PACKAGES)
def test_control_data_is_that_of_dpkg_deb(name: str, read: Read) -> None:
    path, facts = read(name)
    for key, value in facts.control:
        shown = run("dpkg-deb", "-f", str(path), key).decode()
        assert shown == value.lstrip("\n") + "\n" or shown.strip() == value.strip()
    listed = run("dpkg-deb", "-I", str(path)).decode()
    for script in ("preinst", "postinst", "prerm", "postrm", "triggers", "config", "templates"):
        held = dict(facts.scripts).get(script)
        if f" {script} " in listed and held is not None:
            assert run("dpkg-deb", "-I", str(path), script) == held
    assert facts.control[0][0] == "Package"


@pytest.mark.parametrize("name", PACKAGES)
def test_the_md5sums_of_the_package_hold(name: str, read: Read, store: Store) -> None:
    _, facts = read(name)
    if facts.md5sums is None:
        pytest.skip("the package has no md5sums")
    sums = {
        "/" + path: value
        for value, _, path in (line.partition("  ") for line in facts.md5sums.decode().splitlines())
    }
    entries = {entry.path: entry for entry in facts.entries}
    for path, value in sums.items():
        entry = entries[path]
        if entry.kind is Kind.HARDLINK:
            entry = entries[entry.target or ""]
        assert isinstance(entry.content, Slice)
        assert hashlib.md5(content_of(facts, entry.content, store)).hexdigest() == value


@pytest.mark.parametrize("name", PACKAGES)
def test_facts_survive_the_cache(name: str, read: Read) -> None:
    _, facts = read(name)
    assert load_facts(dump_facts(facts)) == facts


@pytest.mark.parametrize("name", PACKAGES)
def test_elf_facts_are_those_of_pyelftools(name: str, read: Read, store: Store) -> None:
    _, facts = read(name)
    elf = dict(facts.elf)
    for entry in facts.entries:
        if not isinstance(entry.content, Slice):
            continue
        body = content_of(facts, entry.content, store)
        if bytes(body[:2]) == b"#!":
            assert read_shebang(body) == dict(facts.interpreters).get(entry.path)
        if bytes(body[:4]) != b"\x7fELF":
            assert entry.path not in elf
            continue
        oracle = ELFFile(io.BytesIO(bytes(body)))
        if oracle.header.e_type not in ("ET_EXEC", "ET_DYN"):
            assert entry.path not in elf
            continue
        got = elf[entry.path]
        assert (got.bits, got.machine) == (oracle.elfclass, body[18] | body[19] << 8)
        tags = [
            tag
            for section in oracle.iter_sections()
            if isinstance(section, DynamicSection)
            for tag in section.iter_tags()
        ]
        assert got.needed == strings(tags, "DT_NEEDED", "needed")
        assert got.soname == next(iter(strings(tags, "DT_SONAME", "soname")), None)
        assert got.runpath == strings(tags, "DT_RUNPATH", "runpath")
        interpreters = [
            segment.get_interp_name()
            for segment in oracle.iter_segments()
            if isinstance(segment, InterpSegment)
        ]
        assert got.interpreter == next(iter(interpreters), None)
        imports = {
            symbol.name
            for section in oracle.iter_sections()
            if isinstance(section, SymbolTableSection) and section.name == ".dynsym"
            for symbol in section.iter_symbols()
            if symbol.entry.st_shndx == "SHN_UNDEF"
        }
        assert got.runs_shell == bool(imports & {"system", "popen", "wordexp"}), entry.path


@pytest.mark.parametrize("name", PACKAGES)
def test_status_is_what_dpkg_reads_back(name: str, read: Read, tmp_path: Path) -> None:
    _, facts = read(name)
    paragraph = status_paragraph(facts)
    (installed,) = read_status(paragraph, path="status")
    admin = tmp_path / "dpkg"
    (admin / "info").mkdir(parents=True)
    (admin / "updates").mkdir()
    (admin / "status").write_bytes(paragraph)
    shown = run(
        "dpkg-query", f"--admindir={admin}", "-W",
        "-f=${Package} ${Version} ${db:Status-Status} ${source:Package} ${source:Version}", name,
    )  # fmt: skip
    expected = (
        f"{installed.name} {installed.version} installed "
        f"{installed.source} {installed.source_version}"
    )
    assert shown.decode() == expected
    assert field(installed.control, "Description") == field(facts.control, "Description")


def test_versions_order_as_dpkg_orders_them(indexes: tuple[bytes, ...]) -> None:
    versions = sorted(
        {
            line[9:].decode()
            for index in indexes
            for line in index.split(b"\n")
            if line.startswith(b"Version: ")
        }
    )
    assert all(map(is_version, versions))
    chance = random.Random(20_260_101)
    pairs = [tuple(chance.sample(versions, 2)) for _ in range(500)]
    for _ in range(1_500):
        at = chance.randrange(len(versions) - 5)
        pairs.append((versions[at], versions[at + chance.randrange(1, 5)]))
    for _ in range(1_000):
        version = chance.choice(versions)
        at = chance.randrange(1, len(version) + 1)
        changed = version[:at] + chance.choice("~+.0a9-") + version[at:]
        if is_version(changed):
            pairs.append((version, changed))
    script = (
        "while read -r a b; do"
        ' if dpkg --compare-versions "$a" lt "$b"; then echo -1;'
        ' elif dpkg --compare-versions "$a" eq "$b"; then echo 0; else echo 1; fi; done'
    )
    told = subprocess.run(
        ["sh", "-c", script],
        input="".join(f"{a} {b}\n" for a, b in pairs),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(told) == len(pairs)
    differing = [
        (a, b, answer)
        for (a, b), answer in zip(pairs, told, strict=True)
        if compare_versions(a, b) != int(answer)
    ]
    assert differing == []


def test_every_stanza_of_the_live_indexes_can_be_read(indexes: tuple[bytes, ...]) -> None:
    smallest = min(indexes, key=len)
    index = PackagesIndex.parse(smallest)
    stanzas = smallest.count(b"\nPackage: ") + smallest.startswith(b"Package: ")
    assert sum(len(index.get(name)) for name in index) == stanzas
    largest = PackagesIndex.parse(max(indexes, key=len))
    for name in list(largest)[::20]:
        assert all(package.name == name for package in largest.get(name))
    again = PackagesIndex.restore(max(indexes, key=len), largest.dump())
    assert list(again) == list(largest)
    assert again.virtual_names == largest.virtual_names
    for name in sorted(largest.virtual_names)[::50]:
        providers = largest.providers(name)
        assert providers
        assert all(any(r.name == name for r in package.provides) for package in providers)
