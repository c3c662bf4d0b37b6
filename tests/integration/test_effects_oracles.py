"""Effects against the tools whose work they do: the same tree in, the same files out."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from neve.effects.accounts import Accounts
from neve.effects.alternatives import AlternativesRegistry
from neve.effects.bench import EffectContext, Workbench, effect_reason
from neve.effects.generators import certificates, javastore, ldcache
from neve.effects.ops import Alternative
from neve.effects.planted import status_paragraph
from neve.effects.script import Parameters
from neve.effects.sysusers import apply_sysusers
from neve.effects.tmpfiles import apply_tmpfiles
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind, Put, Tree

pytestmark = pytest.mark.integration
REASON = Reason(Origin.PACKAGE, "real", "read from a directory")


def needs(tool: str) -> str:
    """The tool's path, looked for where root's tools are too; skips where it is absent."""
    found = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


def read_tree(root: Path) -> Tree:
    """The files below ``root`` as a tree of inline content."""
    tree = Tree()
    for directory, names, files in os.walk(root):
        for name in sorted(names + files):
            real = Path(directory, name)
            status = real.lstat()
            kind = {
                stat.S_IFLNK: Kind.SYMLINK,
                stat.S_IFDIR: Kind.DIRECTORY,
                stat.S_IFREG: Kind.FILE,
            }.get(stat.S_IFMT(status.st_mode))
            if kind is None:
                continue
            entry = FileEntry(
                path=f"/{real.relative_to(root)}",
                kind=kind,
                mode=stat.S_IMODE(status.st_mode),
                content=Inline(real.read_bytes()) if kind is Kind.FILE else None,
                target=str(real.readlink()) if kind is Kind.SYMLINK else None,
                reason=REASON,
            )
            tree.apply(Put(entry))
    return tree


def never(entry: FileEntry) -> bytes:
    raise AssertionError(entry.path)


def bench_of(root: Path, architecture: str = "amd64") -> Workbench:
    parameters = Parameters.of(architecture)
    return Workbench(read_tree(root), EffectContext(read=never, parameters=parameters, time=10**9))


def data(bench: Workbench, path: str) -> bytes:
    found = bench.content(path)
    assert found is not None, path
    return found


HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)


def test_the_loaders_cache_is_ldconfigs_byte_for_byte(tmp_path: Path) -> None:
    tool = needs("ldconfig")
    if HOST is None:
        pytest.skip(f"the host's machine {os.uname().machine} has no test")
    triplet = Parameters.of(HOST).triplet
    source, lib = Path("/usr/lib", triplet), tmp_path / "usr/lib" / triplet
    lib.mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "etc/ld.so.conf.d").mkdir(parents=True)
    (tmp_path / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    (tmp_path / "etc/ld.so.conf.d/b.conf").write_text(f"# x\n/lib/{triplet}\n/usr/lib/{triplet}\n")
    (tmp_path / "etc/ld.so.conf.d/a.conf").write_text("/opt/own\n/opt/none\n")
    names = sorted(p.name for p in source.iterdir() if ".so" in p.name and not p.is_dir())
    chosen = [name for name in names if name.startswith(("libc", "libm", "libs", "libz", "ld-"))]
    if "libc.so.6" not in chosen:
        pytest.skip("the host keeps its libraries elsewhere")
    for name in chosen:
        shutil.copy2(source / name, lib / name, follow_symlinks=False)
    own = tmp_path / "opt/own"
    for directory in (own, lib / "glibc-hwcaps/zz-level", lib / "glibc-hwcaps/aa-level"):
        directory.mkdir(parents=True)
        shutil.copy2((source / "libz.so.1").resolve(), directory / "libz.so.1.9.10")
    (own / "libz.so").symlink_to("libz.so.1.9.10")
    (own / "libtext.so").write_text("/* GNU ld script */")
    bench = bench_of(tmp_path, HOST)
    subprocess.run([tool, "-r", str(tmp_path)], check=True, capture_output=True)
    ldcache.run(bench, (("libc-bin", ()),))
    assert data(bench, "/etc/ld.so.cache") == (tmp_path / "etc/ld.so.cache").read_bytes()
    made = {p.name for p in own.iterdir()}
    assert set(bench.tree.children("/opt/own")) == made


def _shared_certificates() -> Path:
    directory = Path("/usr/share/ca-certificates")
    if not any(directory.rglob("*.crt")):
        pytest.skip("ca-certificates is not installed")
    return directory


@pytest.fixture
def trusted(tmp_path: Path) -> Workbench:
    shutil.copytree(_shared_certificates(), tmp_path / "usr/share/ca-certificates")
    bench = bench_of(tmp_path)
    certificates.run(bench, (("ca-certificates", ()),))
    return bench


def _write_out(bench: Workbench, source: str, target: Path) -> None:
    """The single-certificate files and links of ``source`` as real ones."""
    target.mkdir(parents=True)
    for entry in bench.tree.under(source):
        name = Path(entry.path).name
        content = bench.content(entry.path)
        if name.endswith(".pem") and content is not None:
            (target / name).write_bytes(content)


def test_hash_links_are_openssl_rehashs(trusted: Workbench, tmp_path: Path) -> None:
    tool = needs("openssl")
    directory = tmp_path / "hashed"
    _write_out(trusted, certificates.CERTS, directory)
    subprocess.run([tool, "rehash", str(directory)], check=True, capture_output=True)
    wanted = {p.name: str(p.readlink()) for p in directory.iterdir() if p.is_symlink()}
    ours = {
        Path(e.path).name: e.target
        for e in trusted.tree.under(certificates.CERTS)
        if e.kind is Kind.SYMLINK and e.target is not None and e.target.endswith(".pem")
    }
    assert len(wanted) > 100
    assert ours == wanted


def test_openssl_verifies_against_the_bundle(trusted: Workbench, tmp_path: Path) -> None:
    tool = needs("openssl")
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(data(trusted, certificates.BUNDLE))
    first = next(e for e in trusted.tree.under(certificates.CERTS) if e.path.endswith(".pem"))
    own = tmp_path / "one.pem"
    own.write_bytes(data(trusted, first.path))
    command = [tool, "verify", "-no_check_time", "-CAfile", str(bundle), "-no-CApath", str(own)]
    assert b": OK" in subprocess.run(command, check=True, capture_output=True).stdout


def test_keytool_lists_the_java_store(trusted: Workbench, tmp_path: Path) -> None:
    tool = needs("keytool")
    javastore.run(trusted, (("ca-certificates-java", ()),))
    store = tmp_path / "cacerts"
    store.write_bytes(data(trusted, javastore.STORE))
    command = [tool, "-list", "-keystore", str(store), "-storepass", "changeit"]
    environment = {**os.environ, "LC_ALL": "C"}
    output = subprocess.run(command, check=True, capture_output=True, env=environment).stdout
    count = len(certificates.pem_files(trusted))
    assert output.count(b"trustedCertEntry") == count > 100


def test_alternatives_are_update_alternatives(tmp_path: Path) -> None:
    tool = needs("update-alternatives")
    for name in ("adm", "alt", "bin", "man"):
        (tmp_path / name).mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "bin" / name).write_text(name)
    (tmp_path / "man/b.1").write_text("")
    root = str(tmp_path)
    choices = [("a", 10), ("b", 30), ("c", 30)]
    base = [tool, "--admindir", f"{root}/adm", "--altdir", f"{root}/alt", "--log", "/dev/null"]
    registry = AlternativesRegistry()
    bench = Workbench(
        read_tree(tmp_path),
        EffectContext(read=never, parameters=Parameters.of("amd64"), time=0),
    )
    for name, priority in choices:
        slaves = ["--slave", f"{root}/man/x.1", "x.1", f"{root}/man/{name}.1"]
        install = ["--install", f"{root}/bin/x", "x", f"{root}/bin/{name}", str(priority)]
        subprocess.run([*base, *install, *slaves], check=True, capture_output=True)
        registry.add(
            "demo",
            Alternative(
                name="x",
                link="/bin/x",
                path=f"/bin/{name}",
                priority=priority,
                slaves=(("/man/x.1", "x.1", f"/man/{name}.1"),),
            ),
        )
    registry.settle(bench)
    real = {
        f"/{p.relative_to(tmp_path)}": str(p.readlink()).replace(root, "")
        for p in tmp_path.rglob("*")
        if p.is_symlink()
    }
    ours = {
        e.path.replace("/etc/alternatives", "/alt"): (e.target or "").replace(
            "/etc/alternatives", "/alt"
        )
        for e in bench.tree
        if e.kind is Kind.SYMLINK
    }
    assert ours == real


SYSUSERS = """\
u alpha - "Alpha service" /var/lib/alpha /bin/false
u beta 150 "Beta"
g gamma -
g delta 333
u epsilon 444:delta
m alpha gamma
m beta delta
u zeta -
"""


def test_accounts_are_systemd_sysusers(tmp_path: Path) -> None:
    tool = needs("systemd-sysusers")
    (tmp_path / "usr/lib/sysusers.d").mkdir(parents=True)
    (tmp_path / "usr/lib/sysusers.d/demo.conf").write_text(SYSUSERS)
    (tmp_path / "etc").mkdir()
    bench = bench_of(tmp_path)
    accounts = Accounts.start(bench)
    accounts.write(bench, effect_reason("base-passwd", "start"))
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_bytes(data(bench, f"/etc/{name}"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(10**9)}
    command = [tool, f"--root={tmp_path}", "demo.conf"]
    done = subprocess.run(command, capture_output=True, env=environment)
    if done.returncode:
        pytest.skip(f"systemd-sysusers does not run here: {done.stderr[-200:]!r}")
    apply_sysusers(bench, accounts, "demo", ("demo.conf",))
    accounts.write(bench, effect_reason("demo", "sysusers"))
    for name in ("passwd", "group", "shadow", "gshadow"):
        real = (tmp_path / "etc" / name).read_text().splitlines()
        assert sorted(data(bench, f"/etc/{name}").decode().splitlines()) == sorted(real), name


TMPFILES = """\
d /var/lib/demo 0750 - - -
d /var/lib/demo/deep/er 0700
f /var/lib/demo/file 0600 - - - text\\n
f /var/lib/demo/file 0644 - - - other
L /etc/link - - - - ../usr/share/x
C /etc/copied - - - - /usr/share/demo
D /var/cache/demo 1777
d! /var/boot
"""


def test_directories_and_files_are_systemd_tmpfiles(tmp_path: Path) -> None:
    tool = needs("systemd-tmpfiles")
    (tmp_path / "usr/lib/tmpfiles.d").mkdir(parents=True)
    (tmp_path / "usr/lib/tmpfiles.d/demo.conf").write_text(TMPFILES)
    (tmp_path / "usr/share/demo/below").mkdir(parents=True)
    (tmp_path / "usr/share/demo/below/x").write_text("x")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    bench = bench_of(tmp_path)
    command = [tool, "--create", f"--root={tmp_path}", "demo.conf"]
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        pytest.skip(f"systemd-tmpfiles does not run here: {done.stderr[-200:]!r}")
    apply_tmpfiles(bench, Accounts.start(bench), "demo", ("demo.conf",))
    real = {e.path: (e.kind, e.mode, e.content, e.target) for e in read_tree(tmp_path)}
    ours = {e.path: (e.kind, e.mode, e.content, e.target) for e in bench.tree}
    assert ours == real


def test_dpkg_query_reads_the_package_database(tmp_path: Path) -> None:
    tool = needs("dpkg-query")
    control = (
        ("Package", "demo"),
        ("Source", "demo-src (1.0)"),
        ("Version", "1.0-1+b2"),
        ("Architecture", "amd64"),
        ("Maintainer", "Someone <someone@example.org>"),
        ("Depends", "libc6 (>= 2.36)"),
        ("Description", "a package\n that is small\n .\n and has paragraphs"),
    )
    facts = PackageFacts(
        digest=sha256_of(b""),
        data=sha256_of(b""),
        data_size=0,
        control=control,
        entries=(),
        scripts=(),
        conffiles=(),
        md5sums=None,
        interpreters=(),
        elf=(),
    )
    (tmp_path / "status").write_bytes(status_paragraph(facts))
    (tmp_path / "info").mkdir()
    (tmp_path / "updates").mkdir()
    wanted = "${db:Status-Status} ${Package} ${Version} ${source:Package} ${source:Version}"
    command = [tool, f"--admindir={tmp_path}", "-W", "-f", wanted]
    done = subprocess.run(command, check=True, capture_output=True)
    assert done.stdout == b"installed demo 1.0-1+b2 demo-src 1.0"
