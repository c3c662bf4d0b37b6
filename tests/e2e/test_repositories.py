"""Further signed repositories beside the distribution: trust, addresses and credentials."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.archive import (
    ArchiveBuilder,
    Regular,
    Server,
    SigningKey,
    make_deb,
    serve,
)
from tests.support.command import HOUR, RECIPE, Desk, publish

CORP = "  - {name: corp, url: URL, suite: stable, components: [main, tools], keyring: vendor.gpg}\n"
LOGIN, PASSWORD = "robot-7", "s3cr3t-of-the-archive"


@dataclass(frozen=True)
class Vendor:
    """A vendor's archive with a key of its own."""

    archive: ArchiveBuilder
    key: SigningKey
    server: Server


def publish_vendor(archive: ArchiveBuilder, key: SigningKey, *, days_ago: int = 0) -> None:
    """Sign the vendor's one suite; it has no arm64."""
    archive.publish(
        "stable",
        key=key,
        date=int(time.time()) - HOUR - days_ago * 24 * HOUR,
        codename="amber",
        components=("main", "tools"),
        architectures=("amd64",),
        origin="Vendor",
        label="Vendor",
    )


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    archive = ArchiveBuilder(tmp_path_factory.mktemp("vendor") / "root")
    agent = {"usr/bin/agent": Regular(b"agent", 0o755)}
    archive.add(make_deb("agent", "1.0", files=agent, fields={"Depends": "agent-data"}))
    data = {"usr/share/agent/data": b"data"}
    archive.add(make_deb("agent-data", "1.0", "all", files=data), component="tools")
    key = SigningKey.generate("Vendor")
    publish_vendor(archive, key)
    with serve(archive.root) as server:
        yield Vendor(archive, key, server)


@pytest.fixture(scope="module")
def debian(small_archive: tuple[ArchiveBuilder, SigningKey]) -> Iterator[Vendor]:
    """The distribution's archive, which no test here changes."""
    archive, key = small_archive
    with serve(archive.root) as server:
        yield Vendor(archive, key, server)


def corp_recipe(url: str | None, packages: str = "[agent, plain]") -> str:
    """The small recipe with the vendor's repository, on amd64."""
    entry = CORP.replace("url: URL, ", f"url: {url}, " if url else "")
    text = RECIPE.replace("packages: [tool, plain]", entry + f"packages: {packages}", 1)
    return text.partition("variants:")[0] + "platforms: [linux/amd64]\n"


def lay(directory: Path, debian: Vendor, vendor: Vendor, **options: str | None) -> Desk:
    """A desk whose recipe names the vendor's repository and key."""
    options.setdefault("url", vendor.server.url)
    desk = Desk.lay(directory, debian.server, debian.key, recipe=corp_recipe(**options))  # type: ignore[arg-type]  # url and packages
    (directory / "vendor.gpg").write_bytes(vendor.key.public)
    return desk


def armored(key: bytes) -> bytes:
    """The key as ``gpg --armor --export`` writes it (RFC 9580, 6.2; the checksum is optional)."""
    lines = base64.encodebytes(key).decode()
    head, tail = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
    return f"{head}\n\n{lines}{tail}\n".encode()


def mirrors(debian: Vendor, corp: str) -> str:
    """Settings that say where everything is."""
    url = debian.server.url
    return f'[mirrors]\ndebian = "{url}"\ndebian-security = "{url}"\ncorp = "{corp}"\n'


@pytest.mark.parametrize("form", [bytes, armored])
def test_repository_is_locked_by_its_alias_and_built_from_a_cold_store(
    form: type[bytes], debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor)
    (desk.directory / "vendor.gpg").write_bytes(form(vendor.key.public))
    desk.neve("lock")
    text = (desk.directory / "neve.lock").read_text()
    assert "127.0.0.1" not in text
    lock = json.loads(text)
    rows = {row["name"]: row for row in lock["packages"]}
    assert rows["agent"]["archive"] == rows["agent-data"]["archive"] == "corp:stable"
    assert rows["plain"]["archive"] == "debian:trixie"
    (archive,) = [row for row in lock["archives"] if row["id"] == "corp:stable"]
    assert archive["signers"] == [vendor.key.fingerprint]
    assert {index["component"] for index in archive["indexes"]} == {"main", "tools"}
    first = desk.build()
    assert desk.build(env={"NEVE_STORE": str(tmp_path / "cold")}) == first


def test_settings_say_where_a_repository_is_and_the_lock_serves_any_address(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor, url="http://127.0.0.1:9/gone")
    desk.write("neve.toml", mirrors(debian, vendor.server.url))
    desk.neve("lock")
    first = desk.build()
    with serve(vendor.archive.root.parent) as elsewhere:
        desk.write("neve.toml", mirrors(debian, f"{elsewhere.url}/root"))
        assert desk.build(env={"NEVE_STORE": str(tmp_path / "cold")}) == first
        assert any(path.endswith("agent_1.0_amd64.deb") for path in elsewhere.paths())


def test_repository_without_any_address_says_where_to_put_one(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    done = lay(tmp_path / "desk", debian, vendor, url=None).neve("lock", expect=2)
    assert "nobody said where the archive 'corp' is" in done.err
    assert "[mirrors] in neve.toml" in done.err


def test_another_key_than_the_recipes_is_not_believed(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor)
    (desk.directory / "vendor.gpg").write_bytes(SigningKey.generate("Somebody").public)
    done = desk.neve("lock", expect=3)
    assert "corp:stable: no key that may sign this suite has signed these bytes" in done.err
    assert not (desk.directory / "neve.lock").exists()


@pytest.mark.parametrize("content", [b"", b"no key at all", b"\x99\x01"])
def test_a_keyring_that_holds_no_key_is_named(
    content: bytes, debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor)
    (desk.directory / "vendor.gpg").write_bytes(content)
    done = desk.neve("lock", expect=2)
    assert re.search(r"neve\.yaml:\d+:\d+: ", done.err)
    assert "vendor.gpg " in done.err
    assert "gpg --export" in done.err
    assert "Traceback" not in done.err


def test_a_repositorys_key_signs_nothing_of_the_distribution(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    shutil.copytree(debian.archive.root, tmp_path / "mirror")
    forged = ArchiveBuilder(tmp_path / "mirror", list(debian.archive.packages))
    publish(forged, vendor.key)
    with serve(forged.root) as server:
        desk = lay(tmp_path / "desk", Vendor(forged, debian.key, server), vendor)
        done = desk.neve("lock", expect=3)
    assert "debian" in done.err
    assert "no key that may sign this suite" in done.err


def test_two_recipes_may_call_different_vendors_by_one_name(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    other = ArchiveBuilder(tmp_path / "other")
    other.add(make_deb("agent", "0.1", files={"usr/bin/agent": b"other"}))
    other.add(make_deb("spare", "1", "all"), component="tools")
    key = SigningKey.generate("Another vendor")
    publish_vendor(other, key, days_ago=30)
    with serve(other.root) as server:
        first = lay(tmp_path / "first", debian, vendor)
        first.neve("lock")
        second = lay(tmp_path / "second", debian, Vendor(other, key, server))
        second.neve("lock", env={"NEVE_STORE": first.environment["NEVE_STORE"]})
    assert '"0.1"' in (second.directory / "neve.lock").read_text()


def test_a_repository_that_went_back_in_time_is_not_believed(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    shutil.copytree(vendor.archive.root, tmp_path / "root")
    stale = ArchiveBuilder(tmp_path / "root", list(vendor.archive.packages))
    with serve(stale.root) as server:
        desk = lay(tmp_path / "desk", debian, Vendor(stale, vendor.key, server))
        desk.neve("lock")
        publish_vendor(stale, vendor.key, days_ago=1)
        done = desk.neve("lock", "--update", expect=3)
    assert "corp:stable: the archive shows an older state than it did before" in done.err


def test_architectures_that_a_vendor_lacks_matter_only_where_its_package_is_asked_for(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    both = "platforms: [linux/amd64, linux/arm64]"
    desk = lay(tmp_path / "desk", debian, vendor, packages="[plain]")
    path = desk.directory / "neve.yaml"
    path.write_text(path.read_text().replace("platforms: [linux/amd64]", both))
    desk.neve("lock")
    path.write_text(path.read_text().replace("[plain]", "[plain, agent]"))
    done = desk.neve("lock", expect=2)
    assert "there is no package agent in the archive for arm64" in done.err
    assert "corp:stable has nothing for arm64" in done.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("suite: stable", "suite: ./", "flat repository"),
        ("suite: stable", "suite: stable/", "flat repository"),
        ("name: corp", "name: debian", "name of the distribution's own archive"),
        (", keyring: vendor.gpg", "", "keyring"),
        ("url: http://", f"url: http://{LOGIN}:{PASSWORD}@", "Remove the credentials"),
        ("main, tools", "main, missing", "no component 'missing'"),
    ],
)
def test_a_repository_that_can_not_be_is_refused_at_its_place(
    old: str, new: str, words: str, debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor)
    path = desk.directory / "neve.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = desk.neve("lock", expect=2)
    assert words in done.err
    assert PASSWORD not in done.err
    if "component" not in words:
        line = next(n for n, row in enumerate(text.splitlines(), 1) if "name: corp" in row)
        assert f"neve.yaml:{line}:" in done.err


def test_an_unknown_suite_of_the_distribution_names_those_there_are(
    debian: Vendor, vendor: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, vendor)
    text = RECIPE.replace("packages:", "  - backport\npackages:", 1)
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=2)
    line = text.splitlines().index("  - backport") + 1
    assert f"neve.yaml:{line}:" in done.err
    assert "main, updates, security, backports" in done.err


@pytest.fixture
def guarded(vendor: Vendor) -> Iterator[Vendor]:
    """The vendor's archive behind a login."""
    with serve(vendor.archive.root) as server:
        server.login = f"{LOGIN}:{PASSWORD}"
        yield Vendor(vendor.archive, vendor.key, server)


def every_byte(directory: Path, *, but: str) -> Iterator[tuple[Path, bytes]]:
    """Every file below ``directory`` with its bytes, except those called ``but``."""
    for path in directory.rglob("*"):
        if path.is_file() and path.name != but:
            yield path, path.read_bytes()


def assert_secret(text: bytes, where: object) -> None:
    """No form of the login is in ``text``."""
    pair = f"{LOGIN}:{PASSWORD}".encode()
    for needle in (PASSWORD.encode(), LOGIN.encode(), base64.b64encode(pair)):
        assert needle not in text, where


def test_logins_come_from_netrc_and_show_nowhere(
    debian: Vendor, guarded: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, guarded)
    netrc = Path(desk.environment["HOME"]) / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {LOGIN} password {PASSWORD}\n")
    attested = ("--attestations", desk.directory / "attestations")
    runs = [
        desk.neve("lock", "--format", "json"),
        desk.neve("plan", "--format", "json"),
        desk.neve("build", "-o", desk.directory / "out", *attested),
        desk.neve("why", "out", "agent", "--format", "json"),
        desk.neve("config", "show", "--origin"),
    ]
    for done in runs:
        assert_secret((done.out + done.err).encode(), done)
    produced = list(every_byte(desk.directory, but=".netrc"))
    assert len(produced) > 20
    for path, data in produced:
        assert_secret(data, path)
    assert any("authorization" in headers for _, headers in guarded.server.requests)


APT_LOGINS = Path("/etc/apt/auth.conf.d")
LEND = ("bwrap", "--dev-bind", "/", "/", "--bind")


def test_logins_come_from_apts_files_too(debian: Vendor, guarded: Vendor, tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    logins.mkdir()
    lend = (*LEND, str(logins), str(APT_LOGINS))
    try:
        subprocess.run([*lend, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("bubblewrap can't lend the command an /etc/apt/auth.conf.d of its own here")
    address = guarded.server.url
    (logins / "corp.conf").write_text(f"machine {address} login {LOGIN} password {PASSWORD}\n")
    desk = lay(tmp_path / "desk", debian, guarded)
    done = desk.neve("lock", wrapped=lend)
    assert "corp:stable" in done.out
    assert_secret((done.out + done.err).encode(), done)
    assert_secret((desk.directory / "neve.lock").read_bytes(), "neve.lock")


@pytest.mark.parametrize("entry", ["", f"machine 127.0.0.1 login {LOGIN} password {PASSWORD}x\n"])
def test_a_refused_login_says_where_logins_are_read_and_shows_none(
    entry: str, debian: Vendor, guarded: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, guarded)
    (Path(desk.environment["HOME"]) / ".netrc").write_text(entry)
    done = desk.neve("lock", expect=3)
    assert "401" in done.err
    assert "netrc" in done.err
    assert_secret((done.out + done.err).encode(), done)


def test_a_login_in_a_mirrors_address_is_used_and_never_shown(
    debian: Vendor, guarded: Vendor, tmp_path: Path
) -> None:
    desk = lay(tmp_path / "desk", debian, guarded)
    address = guarded.server.url.replace("http://", f"http://{LOGIN}:{PASSWORD}@")
    desk.write("neve.toml", mirrors(debian, address))
    runs = [
        desk.neve("lock"),
        desk.neve("build", "-o", desk.directory / "out"),
        desk.neve("config", "show", "--format", "json"),
        desk.neve("config", "show", "--origin"),
    ]
    desk.write("neve.toml", mirrors(debian, address + "/nowhere"))
    runs.append(desk.neve("lock", "--update", expect=3))
    runs.append(desk.neve("lock", "--update", "--format", "json", expect=3))
    for done in runs:
        assert_secret((done.out + done.err).encode(), done)
    for path, data in every_byte(desk.directory, but="neve.toml"):
        assert_secret(data, path)
