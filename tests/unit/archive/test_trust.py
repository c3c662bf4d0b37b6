"""Every link from keyring to package, broken once. All must fail closed, each by its own name."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.support.archive import (
    ArchiveBuilder,
    Deb,
    Fault,
    Server,
    SigningKey,
    make_deb,
    serve,
)

from neve.archive import Archives, BrokenLinkError, Link, Mirrors, SuiteRequest, VerifiedArchive
from neve.distro import find_distro
from neve.errors import HostileInputError, NeveError, ToolError, UsageError
from neve.model import Digest
from neve.net import HttpClient, NetSettings, NetworkError, OfflineClient
from neve.recipe.lock import LockedArchive, LockedPackage
from neve.store import Store

NOW = 1_790_000_000
DAY = 86_400
HELLO = make_deb("hello", "1:2.0-1", files={"usr/bin/hello": b"#!/bin/sh\necho hello\n" * 2000})
COMMON = make_deb("hello-common", "2.0-1", "all", files={"usr/share/hello": b"text"})
INDEX = "/dists/trixie/main/binary-amd64/Packages.gz"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def stranger() -> SigningKey:
    return SigningKey.generate("Somebody else")


@dataclass
class World:
    """An archive on a server, and a neve that reads it."""

    archive: ArchiveBuilder
    server: Server
    key: SigningKey
    store: Store
    mirrors: Mirrors
    clock: int = NOW
    max_age: int = 0
    offline: bool = False

    def request(self, **changes: object) -> SuiteRequest:
        request = SuiteRequest(
            alias="debian",
            suite="trixie",
            components=("main",),
            keyring=self.key.public,
            signers=(self.key.fingerprint,),
            codename="trixie",
            origin="Test",
            label="Test",
        )
        return replace(request, **changes)  # type: ignore[arg-type]

    def archives(self) -> Archives:
        settings = NetSettings(attempts=2, backoff=0.0, read_timeout=5.0)
        return Archives(
            store=self.store,
            client=OfflineClient() if self.offline else HttpClient(settings),
            mirrors=self.mirrors,
            clock=self.clock,
            max_age=self.max_age,
        )

    def read(self, *requests: SuiteRequest) -> tuple[VerifiedArchive, ...]:
        return self.archives().indexes(requests or [self.request()], ["amd64"])

    def publish(self, **options: object) -> bytes:
        settings = {"key": self.key, "date": NOW - DAY, "valid_until": NOW + DAY} | options
        return self.archive.publish("trixie", **settings)  # type: ignore[arg-type]

    def broken(self, *requests: SuiteRequest) -> BrokenLinkError:
        with pytest.raises(BrokenLinkError) as caught:
            self.read(*requests)
        assert caught.value.resolution
        return caught.value


@pytest.fixture
def world(tmp_path: Path, key: SigningKey) -> Iterator[World]:
    archive = ArchiveBuilder(tmp_path / "www")
    archive.add(HELLO)
    archive.add(COMMON)
    with serve(archive.root) as server, Store.open(tmp_path / "store") as store:
        mirrors = Mirrors(overrides={"debian": [server.url]}, repositories={}, hosts=())
        world = World(archive, server, key, store, mirrors)
        world.publish()
        yield world


def _locked(deb: Deb, **changes: object) -> LockedPackage:
    package = LockedPackage(
        name=deb.name,
        version=deb.version,
        architecture=deb.architecture,
        digest=Digest("sha256", deb.sha256),
        size=len(deb.data),
        installed_size=1,
        path=f"pool/main/h/{deb.name}/{deb.filename}",
        source=deb.name,
        source_version=deb.version,
        archive="debian:trixie",
        index=Digest("sha256", "0" * 64),
        section="misc",
        because=(),
    )
    return replace(package, **changes)  # type: ignore[arg-type]


def _fetch(world: World, *packages: LockedPackage) -> None:
    (archive,) = world.read()
    world.archives().fetch(packages, [archive.locked])


# The whole chain


def test_an_honest_archive_is_read(world: World, key: SigningKey) -> None:
    (archive,) = world.read()
    assert archive.locked.id == "debian:trixie"
    assert archive.locked.signers == (key.fingerprint,)
    assert archive.locked.date == NOW - DAY
    assert archive.locked.valid_until == NOW + DAY
    assert (archive.origin, archive.label, archive.suite) == ("Test", "Test", "trixie")
    assert not archive.not_automatic
    (index,) = archive.indexes
    data = world.store.read(index.data)
    assert b"Package: hello\n" in data
    assert b"Package: hello-common\n" in data
    assert index.locked.digest == index.data
    assert index.locked.size == len(data)
    assert index.locked.path == "main/binary-amd64/Packages"


def test_packages_arrive_verified(world: World) -> None:
    _fetch(world, _locked(HELLO), _locked(COMMON))
    assert world.store.read(Digest("sha256", HELLO.sha256)) == HELLO.data
    before = len(world.server.requests)
    (archive,) = world.read()
    world.archives().fetch([_locked(HELLO)], [archive.locked])
    asked = [path for path in world.server.paths()[before:] if "pool" in path]
    assert asked == []


def test_a_detached_signature_is_enough(world: World) -> None:
    world.publish(inline=False)
    (archive,) = world.read()
    assert archive.locked.signers == (world.key.fingerprint,)


# Signature and signer


def test_an_unsigned_archive_is_refused(world: World) -> None:
    world.publish(key=None)
    assert world.broken().link is Link.RELEASE


def test_no_release_file_at_all(world: World) -> None:
    (world.archive.root / "dists/trixie/InRelease").unlink()
    error = world.broken()
    assert error.link is Link.RELEASE
    assert "no signed release file" in error.brief


@pytest.mark.parametrize("inline", [True, False])
def test_a_strangers_signature_is_refused(
    world: World, stranger: SigningKey, *, inline: bool
) -> None:
    world.publish(key=stranger, inline=inline)
    error = world.broken()
    assert error.link is Link.SIGNATURE
    assert any(world.key.fingerprint in line for line in error.details)


@pytest.mark.parametrize("inline", [True, False])
def test_a_known_key_that_may_not_sign_this_suite_is_refused(
    world: World, stranger: SigningKey, *, inline: bool
) -> None:
    world.publish(key=stranger, inline=inline)
    error = world.broken(world.request(keyring=world.key.public + stranger.public))
    assert error.link is Link.SIGNER
    assert any(stranger.fingerprint in line for line in error.details)


def test_one_allowed_signer_among_others_is_enough_and_only_it_is_recorded(
    world: World, stranger: SigningKey
) -> None:
    text = world.publish(inline=False)
    directory = world.archive.root / "dists/trixie"
    both = stranger.detach(text) + world.key.detach(text)
    (directory / "Release.gpg").write_bytes(both)
    keyring = stranger.public + world.key.public
    (archive,) = world.read(world.request(keyring=keyring))
    assert archive.locked.signers == (world.key.fingerprint,)


def test_a_keyring_without_the_allowed_key_is_refused(world: World, stranger: SigningKey) -> None:
    assert world.broken(world.request(keyring=stranger.public)).link is Link.KEYRING


def test_a_keyring_that_is_none_is_refused(world: World) -> None:
    assert world.broken(world.request(keyring=b"not a key")).link is Link.KEYRING


def test_a_keyring_of_ones_own_allows_all_its_keys(world: World) -> None:
    (archive,) = world.read(world.request(signers=()))
    assert archive.locked.signers == (world.key.fingerprint,)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda data: data.replace(b"Origin: Test", b"Origin: Tess"),
        lambda data: data.replace(b"\nSuite:", b"\nMore: text\nSuite:"),
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"\0" * 1000,
        lambda data: data.replace(b"BEGIN PGP SIGNED MESSAGE", b"BEGIN PGP PUBLIC KEY BLOCK"),
    ],
)
def test_a_tampered_release_file_is_refused(world: World, tamper: Callable[[bytes], bytes]) -> None:
    path = world.archive.root / "dists/trixie/InRelease"
    path.write_bytes(tamper(path.read_bytes()))
    assert world.broken().link is Link.SIGNATURE


def test_a_tampered_detached_release_is_refused(world: World) -> None:
    world.publish(inline=False)
    path = world.archive.root / "dists/trixie/Release"
    path.write_bytes(path.read_bytes() + b"More: text\n")
    assert world.broken().link is Link.SIGNATURE


@pytest.mark.parametrize("where", ["before", "after"])
def test_text_outside_the_signed_part_is_never_read(world: World, where: str) -> None:
    (honest,) = world.read()
    path = world.archive.root / "dists/trixie/InRelease"
    evil = b"Suite: evil\nDate: Sat, 01 Jan 2000 00:00:00 UTC\nSHA256:\n"
    data = path.read_bytes()
    path.write_bytes(evil + data if where == "before" else data + evil)
    (archive,) = world.read()
    assert archive.locked == honest.locked


# Dates


def test_an_expired_release_is_refused(world: World) -> None:
    world.publish(valid_until=NOW - 1)
    error = world.broken()
    assert error.link is Link.EXPIRY
    assert "2026" in error.brief


def test_a_release_without_expiry_does_not_expire(world: World) -> None:
    world.publish(valid_until=None)
    world.clock = NOW + 10_000 * DAY
    assert world.read()[0].locked.valid_until is None


def test_a_release_from_the_future_is_refused(world: World) -> None:
    world.publish(date=NOW + 2 * DAY, valid_until=NOW + 3 * DAY)
    assert world.broken().link is Link.DATE


def test_a_clock_a_little_behind_is_tolerated(world: World) -> None:
    world.publish(date=NOW + 600)
    assert world.read()


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 32 Foo 2026 00:00:00 UTC"])
def test_a_release_without_a_readable_date_is_refused(world: World, date: str) -> None:
    world.publish(fields={"Date": date})
    with pytest.raises((BrokenLinkError, HostileInputError), match=r"[Dd]ate"):
        world.read()


@pytest.mark.parametrize(
    "date",
    [
        "Sat, 21 Nov 2026  9:15:44 UTC",
        "Sat, 21 Nov 2026 09:15:44 UTC",
        "Sat, 21 Nov 2026 09:15:44 +0000",
    ],
)
def test_dates_are_read_as_debian_and_ubuntu_write_them(world: World, date: str) -> None:
    world.clock = 1_795_255_200  # half a day later
    world.publish(fields={"Date": date}, valid_until=None)
    assert world.read()[0].locked.date == 1_795_252_544


def test_an_expired_release_is_not_used_offline_either(world: World) -> None:
    world.read()
    world.offline, world.clock = True, NOW + 2 * DAY
    assert world.broken().link is Link.EXPIRY


def test_a_young_but_expired_release_is_asked_for_anew(world: World) -> None:
    world.max_age = 100 * DAY
    world.read()
    world.clock = NOW + 2 * DAY
    world.publish(date=NOW + DAY, valid_until=NOW + 3 * DAY)
    assert world.read()[0].locked.date == NOW + DAY


# Names


@pytest.mark.parametrize(
    "change",
    [{"fields": {"Suite": "sid", "Codename": "sid"}}, {"origin": "Other"}, {"label": "Other"}],
)
def test_another_suite_or_origin_is_refused(world: World, change: dict[str, object]) -> None:
    world.publish(**change)
    assert world.broken().link is Link.NAME


def test_the_codename_must_be_the_one_expected(world: World) -> None:
    world.publish(codename="forky")
    assert world.broken().link is Link.NAME


def test_an_alias_name_of_a_suite_is_accepted(world: World) -> None:
    world.archive.publish(
        "stable", key=world.key, date=NOW - DAY, codename="trixie", valid_until=None
    )
    (archive,) = world.read(world.request(suite="stable"))
    assert (archive.locked.suite, archive.locked.codename) == ("stable", "trixie")


# Downgrade


def test_an_older_state_than_seen_before_is_refused(world: World) -> None:
    world.read()
    world.publish(date=NOW - 3 * DAY)
    error = world.broken()
    assert error.link is Link.DOWNGRADE
    assert "snapshot" in error.resolution


def test_a_downgrade_is_noticed_after_collecting_garbage(world: World) -> None:
    world.read()
    world.store.close()
    with Store.open(world.store.directory) as store:
        store.gc(max_age=-1, max_bytes=0)
        world.store = store
        world.publish(date=NOW - 3 * DAY)
        assert world.broken().link is Link.DOWNGRADE


def test_a_newer_state_is_welcome(world: World) -> None:
    world.read()
    world.publish(date=NOW - DAY // 2)
    assert world.read()[0].locked.date == NOW - DAY // 2


# Indexes


def test_an_index_with_another_hash_is_refused(world: World) -> None:
    for path in (world.archive.root / "dists/trixie/main").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    error = world.broken()
    assert error.link is Link.INDEX
    assert "hash" in error.brief


def test_an_index_with_another_size_is_refused(world: World) -> None:
    for path in (world.archive.root / "dists/trixie/main").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes() + b"more")
    error = world.broken()
    assert error.link is Link.INDEX
    assert "size" in error.brief


def test_without_by_hash_the_plain_name_is_used(world: World) -> None:
    for path in (world.archive.root / "dists/trixie/main").rglob("by-hash/SHA256/*"):
        path.unlink()
    assert world.read()
    assert any(path == INDEX for path in world.server.paths())


def test_by_hash_is_preferred_so_that_an_update_in_between_does_no_harm(world: World) -> None:
    (world.archive.root / INDEX[1:]).write_bytes(b"already the next state")
    assert world.read()
    assert INDEX not in world.server.paths()


def test_an_index_that_is_nowhere_is_told(world: World) -> None:
    for path in (world.archive.root / "dists/trixie/main").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(NetworkError, match="not found"):
        world.read()


@pytest.mark.parametrize("form", ["", ".gz", ".xz", ".zst"])
def test_every_compression_is_read(world: World, form: str) -> None:
    world.publish(compressions=(form,), listed=("", form))
    (archive,) = world.read()
    assert b"Package: hello\n" in world.store.read(archive.indexes[0].data)


@pytest.mark.parametrize("form", [".gz", ".xz", ".zst"])
def test_an_archive_that_lists_compressed_indexes_alone_is_read(world: World, form: str) -> None:
    world.publish(compressions=(form,), listed=(form,))
    for _ in range(2):
        (archive,) = world.read()
        assert archive.indexes[0].locked.path == f"main/binary-amd64/Packages{form}"
        assert b"Package: hello\n" in world.store.read(archive.indexes[0].data)


def test_the_lock_does_not_depend_on_the_form_that_was_fetched(world: World) -> None:
    (one,) = world.read()
    world.publish(compressions=(".xz",))
    world.store.gc(max_bytes=0)
    (two,) = world.read()
    assert one.locked == two.locked


def test_a_bomb_stops_at_the_promised_size(world: World) -> None:
    text = world.publish(listed=(".gz", ""), compressions=(".gz", ""))
    import gzip

    bomb = gzip.compress(bytes(20 << 20), 1)
    value = hashlib.sha256(bomb).hexdigest()
    lines = [
        f" {value} {len(bomb)} main/binary-amd64/Packages.gz".encode()
        if line.endswith(b"main/binary-amd64/Packages.gz")
        else line
        for line in text.split(b"\n")
    ]
    world.archive.sign("trixie", b"\n".join(lines), key=world.key)
    (world.archive.root / INDEX[1:]).write_bytes(bomb)
    for path in (world.archive.root / "dists/trixie/main/binary-amd64").glob("Packages"):
        path.unlink()
    with pytest.raises(HostileInputError, match="more than"):
        world.read()


def test_a_damaged_index_in_the_store_is_fetched_anew(world: World) -> None:
    (archive,) = world.read()
    path = world.store.path(archive.indexes[0].data)
    path.write_bytes(path.read_bytes()[:-1])
    with Store.open(world.store.directory) as world.store:
        (again,) = world.read()
        assert b"Package: hello\n" in world.store.read(again.indexes[0].data)


def test_packages_for_all_are_read_from_their_own_index(world: World) -> None:
    world.publish(separate_all=True)
    (archive,) = world.read()
    assert [index.locked.architecture for index in archive.indexes] == ["amd64", "all"]
    joined = b"".join(world.store.read(index.data) for index in archive.indexes)
    assert joined.count(b"Package: hello-common\n") == 1


def test_packages_for_all_are_not_read_twice(world: World) -> None:
    world.publish(separate_all=True, fields={"No-Support-for-Architecture-all": "Packages"})
    (archive,) = world.read()
    assert [index.locked.architecture for index in archive.indexes] == ["amd64"]


def test_several_components_and_architectures(world: World) -> None:
    world.archive.add(make_deb("extra", "1"), component="contrib")
    world.publish(components=("main", "contrib"))
    archives = world.archives().indexes(
        [world.request(components=("main", "contrib"))], ["amd64", "arm64"]
    )
    listed = [(i.locked.component, i.locked.architecture) for i in archives[0].indexes]
    assert listed == [
        ("main", "amd64"),
        ("main", "arm64"),
        ("contrib", "amd64"),
        ("contrib", "arm64"),
    ]


@pytest.mark.parametrize(
    ("components", "architecture"), [(("nonsense",), "amd64"), (("main",), "sparc")]
)
def test_what_an_archive_does_not_have_is_a_mistake_of_the_caller(
    world: World, components: tuple[str, ...], architecture: str
) -> None:
    with pytest.raises(UsageError) as caught:
        world.archives().indexes([world.request(components=components)], [architecture])
    assert "choose among" in caught.value.resolution


@pytest.mark.parametrize("word", ["../x", "", "a b", "/etc", "a/../b", "-x"])
def test_names_that_lead_elsewhere_are_refused(world: World, word: str) -> None:
    with pytest.raises(UsageError):
        world.request(suite=word)


def test_a_release_without_sha256_is_refused(world: World) -> None:
    text = world.publish()
    world.archive.sign("trixie", text.replace(b"SHA256:", b"MD5Sum:"), key=world.key)
    assert world.broken().link is Link.RELEASE


@pytest.mark.parametrize(
    "line", [b" zz 12 main/x", b" only-two 3", b" " + b"0" * 64 + b" -1 main/x"]
)
def test_an_unreadable_table_is_refused(world: World, line: bytes) -> None:
    text = world.publish()
    world.archive.sign("trixie", text + line + b"\n", key=world.key)
    with pytest.raises(HostileInputError):
        world.read()


# Packages


def test_a_package_with_another_hash_is_refused(world: World) -> None:
    path = world.archive.root / _locked(HELLO).path
    path.write_bytes(HELLO.data[:-1] + bytes([HELLO.data[-1] ^ 1]))
    with pytest.raises(BrokenLinkError, match="hello") as caught:
        _fetch(world, _locked(HELLO))
    assert caught.value.link is Link.PACKAGE
    assert not world.store.has(Digest("sha256", HELLO.sha256))


@pytest.mark.parametrize("size", [10, len(HELLO.data) - 1, len(HELLO.data) + 1])
def test_a_package_of_another_length_is_refused(world: World, size: int) -> None:
    path = world.archive.root / _locked(HELLO).path
    path.write_bytes((HELLO.data + b"x")[:size])
    with pytest.raises(BrokenLinkError) as caught:
        _fetch(world, _locked(HELLO))
    assert caught.value.link is Link.PACKAGE
    assert not world.store.has(Digest("sha256", HELLO.sha256))


def test_a_dropped_connection_is_resumed(world: World) -> None:
    path = f"/{_locked(HELLO).path}"
    world.server.faults[path] = Fault(times=1, cut=500)
    _fetch(world, _locked(HELLO))
    ranges = [h.get("range") for p, h in world.server.requests if p == path]
    assert ranges == [None, "bytes=500-"]
    assert world.store.read(Digest("sha256", HELLO.sha256)) == HELLO.data


def test_an_endless_package_is_cut_off(world: World) -> None:
    world.server.faults[f"/{_locked(HELLO).path}"] = Fault(times=9, endless=True)
    with pytest.raises(BrokenLinkError, match="more than"):
        _fetch(world, _locked(HELLO))


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "pool//x", "", "pool/a\nb"])
def test_a_path_that_leads_out_is_refused(world: World, path: str) -> None:
    with pytest.raises(HostileInputError):
        _fetch(world, _locked(HELLO, path=path))


def test_a_package_of_an_unknown_archive_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="elsewhere"):
        _fetch(world, _locked(HELLO, archive="elsewhere:trixie"))


def test_the_next_mirror_is_tried(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with serve(tmp_path / "empty") as empty:
        world.mirrors = Mirrors(
            overrides={"debian": [empty.url, world.server.url]}, repositories={}, hosts=()
        )
        _fetch(world, _locked(HELLO))
        assert f"/{_locked(HELLO).path}" in empty.paths()
    assert world.store.has(Digest("sha256", HELLO.sha256))


def test_progress_adds_up_even_after_a_drop(world: World) -> None:
    world.server.faults[f"/{_locked(HELLO).path}"] = Fault(times=1, cut=500)
    world.server.validators = False
    seen: list[tuple[str, int]] = []

    class Told:
        def stage(self, name: str, total: int | None = None) -> None:
            seen.append((name, total or 0))

        def advance(self, amount: int, item: str = "") -> None:
            seen.append((item, amount))

    (archive,) = world.read()
    world.archives().fetch([_locked(HELLO), _locked(COMMON)], [archive.locked], progress=Told())
    assert seen[0] == ("packages", len(HELLO.data) + len(COMMON.data))
    assert sum(n for item, n in seen if item == "hello") == len(HELLO.data)


def test_at_most_six_connections(world: World) -> None:
    debs = [make_deb(f"h{n}", files={"x": bytes([n]) * 50_000}) for n in range(20)]
    for deb in debs:
        world.archive.add(deb)
        world.server.faults[f"/pool/main/h/{deb.name}/{deb.filename}"] = Fault(delay=0.01)
    world.publish()
    (archive,) = world.read()
    packages = [_locked(d, path=f"pool/main/h/{d.name}/{d.filename}") for d in debs]
    world.archives().fetch(packages, [archive.locked])
    assert all(world.store.has(package.digest) for package in packages)


def test_two_builds_at_once_fetch_a_package_once(world: World) -> None:
    (archive,) = world.read()
    path = f"/{_locked(HELLO).path}"
    world.server.faults[path] = Fault(delay=0.2)
    failures: list[BaseException] = []

    def build() -> None:
        try:
            with Store.open(world.store.directory) as store:
                replace(world, store=store).archives().fetch([_locked(HELLO)], [archive.locked])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert world.server.paths().count(path) == 1


def test_one_failure_stops_the_other_transfers(world: World) -> None:
    big = make_deb("huge", files={"x": os.urandom(8_000_000)}, compression="none")
    world.archive.add(big)
    world.publish()
    world.server.faults[f"/{_locked(COMMON).path}"] = Fault(times=9, status=400)
    world.server.faults[f"/pool/main/h/huge/{big.filename}"] = Fault(delay=1.0)
    (archive,) = world.read()
    with pytest.raises(ToolError, match="hello-common"):
        world.archives().fetch(
            [_locked(big, path=f"pool/main/h/huge/{big.filename}"), _locked(COMMON)],
            [archive.locked],
        )
    assert not world.store.has(Digest("sha256", big.sha256))
    assert list((world.store.directory / "tmp").iterdir()) == []


# The snapshot service


def _lost(world: World, archive: LockedArchive) -> tuple[LockedPackage, LockedArchive]:
    (world.archive.root / _locked(HELLO).path).unlink()
    return _locked(HELLO), archive


def _mirrors_with_snapshot(world: World, url: str) -> Mirrors:
    return Mirrors(
        overrides={"debian": [world.server.url], "snapshot": [url]}, repositories={}, hosts=()
    )


def test_a_deleted_package_is_found_by_name_in_the_snapshot_service(
    world: World, tmp_path: Path
) -> None:
    import json

    (archive,) = world.read()
    package, locked = _lost(world, archive.locked)
    root = tmp_path / "snapshot"
    sha1 = hashlib.sha1(HELLO.data).hexdigest()
    listing = root / "mr/binary/hello/1:2.0-1/binfiles"
    listing.parent.mkdir(parents=True)
    entries = [{"architecture": "arm64", "hash": "0" * 40}, {"architecture": "amd64", "hash": sha1}]
    listing.write_text(json.dumps({"_comment": "", "result": entries}))
    (root / "file").mkdir()
    (root / "file" / sha1).write_bytes(HELLO.data)
    with serve(root) as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        world.archives().fetch([package], [locked])
        assert snapshot.paths() == ["/mr/binary/hello/1%3A2.0-1/binfiles", f"/file/{sha1}"]
    assert world.store.read(package.digest) == HELLO.data


def test_a_deleted_package_is_found_by_time_where_there_is_no_such_listing(
    world: World, tmp_path: Path
) -> None:
    (archive,) = world.read()
    package, locked = _lost(world, archive.locked)
    from neve.archive.release import snapshot_name

    at = snapshot_name(NOW - DAY + 24 * 3600)
    target = tmp_path / "snapshot/archive/debian" / at / package.path
    target.parent.mkdir(parents=True)
    target.write_bytes(HELLO.data)
    with serve(tmp_path / "snapshot") as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        world.archives().fetch([package], [locked])
    assert world.store.read(package.digest) == HELLO.data


def test_wrong_bytes_from_the_snapshot_service_are_refused(world: World, tmp_path: Path) -> None:
    import json

    (archive,) = world.read()
    package, locked = _lost(world, archive.locked)
    root = tmp_path / "snapshot"
    listing = root / "mr/binary/hello/1:2.0-1/binfiles"
    listing.parent.mkdir(parents=True)
    listing.write_text(json.dumps({"result": [{"architecture": "amd64", "hash": "a" * 40}]}))
    (root / "file").mkdir()
    (root / "file" / ("a" * 40)).write_bytes(bytes(len(HELLO.data)))
    with serve(root) as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        with pytest.raises(BrokenLinkError) as caught:
            world.archives().fetch([package], [locked])
    assert caught.value.link is Link.PACKAGE


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b'{"result": 3}', b'{"result": [{}]}', b"[" * 9999]
)
def test_a_package_that_nobody_has_is_told_with_all_that_was_tried(
    world: World, tmp_path: Path, answer: bytes
) -> None:
    (archive,) = world.read()
    package, locked = _lost(world, archive.locked)
    root = tmp_path / "snapshot"
    listing = root / "mr/binary/hello/1:2.0-1/binfiles"
    listing.parent.mkdir(parents=True)
    listing.write_bytes(answer)
    with serve(root) as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        with pytest.raises(ToolError, match="hello") as caught:
            world.archives().fetch([package], [locked])
    assert len(caught.value.details) >= 4
    assert caught.value.resolution


def test_a_snapshot_is_judged_at_its_own_time(world: World, tmp_path: Path) -> None:
    from neve.archive.release import snapshot_name

    then = NOW - 300 * DAY
    at = snapshot_name(then)
    old = ArchiveBuilder(tmp_path / "snapshot/archive/debian" / at)
    old.add(HELLO)
    old.publish("trixie", key=world.key, date=then - 3600, valid_until=then + 7 * DAY)
    world.read()
    with serve(tmp_path / "snapshot") as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        (archive,) = world.read(world.request(snapshot=at))
        assert archive.locked.snapshot == at
        world.archives().fetch([_locked(HELLO)], [archive.locked])
        count = len(snapshot.requests)
        world.read(world.request(snapshot=at))
        assert len(snapshot.requests) == count
    assert world.store.has(Digest("sha256", HELLO.sha256))
    assert world.read()[0].locked.date == NOW - DAY


@pytest.mark.parametrize(
    ("date", "valid_until", "link"),
    [(2 * DAY, 3 * DAY, Link.DATE), (-9 * DAY, -2 * DAY, Link.EXPIRY)],
)
def test_a_snapshot_of_another_time_is_refused(
    world: World, tmp_path: Path, date: int, valid_until: int, link: Link
) -> None:
    from neve.archive.release import snapshot_name

    then = NOW - 300 * DAY
    old = ArchiveBuilder(tmp_path / "snapshot/archive/debian" / snapshot_name(then))
    old.publish("trixie", key=world.key, date=then + date, valid_until=then + valid_until)
    with serve(tmp_path / "snapshot") as snapshot:
        world.mirrors = _mirrors_with_snapshot(world, snapshot.url)
        assert world.broken(world.request(snapshot=snapshot_name(then))).link is link


@pytest.mark.parametrize("snapshot", ["2026-11-01", "20261101", "now", "../../x"])
def test_a_snapshot_that_is_no_time_is_refused(world: World, snapshot: str) -> None:
    with pytest.raises(UsageError, match="archive time"):
        world.request(snapshot=snapshot)


# Warm


def test_a_second_reading_asks_once_and_gets_no_body(world: World) -> None:
    world.read()
    count = len(world.server.requests)
    world.read()
    asked = world.server.requests[count:]
    assert [path for path, _ in asked] == ["/dists/trixie/InRelease"]
    assert "if-none-match" in asked[0][1]


def test_within_max_age_nothing_is_asked(world: World) -> None:
    world.max_age = 3600
    first = world.read()
    count = len(world.server.requests)
    world.clock += 3599
    assert world.read() == first
    assert len(world.server.requests) == count
    world.clock += 1
    world.read()
    assert len(world.server.requests) > count


def test_offline_works_from_a_warm_store(world: World) -> None:
    first = world.read()
    world.offline = True
    assert world.read() == first


def test_offline_with_a_cold_store_says_what_to_do(world: World) -> None:
    world.offline = True
    with pytest.raises(NeveError) as caught:
        world.read()
    assert "--offline" in caught.value.resolution


def test_a_release_kept_in_the_store_is_verified_again(world: World) -> None:
    world.max_age = 10 * DAY
    world.read()
    error = world.broken(world.request(codename="forky"))
    assert error.link is Link.NAME


def test_an_organisations_own_signature_on_a_mirror(world: World) -> None:
    suite = find_distro("debian", "trixie").suite("main")
    world.publish(origin="Debian", label="Debian")
    assert world.broken(SuiteRequest.of(suite)).link is Link.SIGNATURE
    (archive,) = world.read(SuiteRequest.of(suite, keyring=world.key.public))
    assert archive.locked.signers == (world.key.fingerprint,)


def test_no_secret_is_kept_in_the_store(world: World) -> None:
    url = world.server.url.replace("http://", "http://user:sw0rdf1sh@")
    world.mirrors = Mirrors(overrides={"debian": [url]}, repositories={}, hosts=())
    _fetch(world, _locked(HELLO))
    for path in world.store.directory.rglob("*"):
        if path.is_file():
            assert b"sw0rdf1sh" not in path.read_bytes()


def test_ubuntus_pockets_are_suites_of_one_archive(world: World) -> None:
    noble = find_distro("ubuntu", "24.04")
    for suite in noble.suites:
        world.archive.publish(
            suite.suite,
            key=world.key,
            date=NOW - DAY,
            codename="noble",
            components=("main", "universe"),
            origin="Ubuntu",
            label="Ubuntu",
        )
    world.mirrors = Mirrors.of_host(overrides={"ubuntu": [world.server.url]}, release=noble)
    requests = [SuiteRequest.of(suite, keyring=world.key.public) for suite in noble.suites]
    archives = world.archives().indexes(requests, ["amd64", "arm64"])
    assert [archive.locked.id for archive in archives] == [
        "ubuntu:noble",
        "ubuntu:noble-updates",
        "ubuntu:noble-security",
        "ubuntu:noble-backports",
    ]
    assert all(len(archive.indexes) == 4 for archive in archives)
    assert world.broken(SuiteRequest.of(noble.suites[0])).link is Link.SIGNATURE


def test_the_same_suite_twice_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="twice"):
        world.read(world.request(), world.request())


def test_an_archive_without_address_is_told(world: World) -> None:
    world.mirrors = Mirrors(overrides={}, repositories={}, hosts=())
    with pytest.raises(UsageError, match="debian") as caught:
        world.read()
    assert "neve.toml" in caught.value.resolution


def test_backports_fields_are_passed_on(world: World) -> None:
    world.publish(fields={"NotAutomatic": "yes", "ButAutomaticUpgrades": "yes"})
    (archive,) = world.read()
    assert archive.not_automatic
    assert archive.but_automatic_upgrades
