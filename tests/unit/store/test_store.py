"""What a user of the store can rely on."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from neve.errors import StoreError, TrustError
from neve.model import Digest, sha256_of
from neve.store import Store, default_directory

KEY = sha256_of(b"a key")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


def _file_of(directory: Path, digest: Digest) -> Path:
    return directory / "blobs" / "sha256" / digest.value[:2] / digest.value


def test_what_is_put_can_be_read_in_every_way(directory: Path) -> None:
    with Store.open(directory) as store:
        digest = store.put(b"content")
        assert digest == sha256_of(b"content")
        assert store.has(digest)
        assert store.size(digest) == 7
        assert store.read(digest) == b"content"
        assert bytes(store.mapped(digest)[3:]) == b"tent"
        assert store.path(digest).read_bytes() == b"content"
        with store.open_blob(digest) as file:
            assert file.read() == b"content"


def test_empty_content_is_content(directory: Path) -> None:
    store = Store.open(directory)
    digest = store.put(b"")
    assert store.read(digest) == b""
    assert bytes(store.mapped(digest)) == b""


def test_it_lasts_beyond_the_process(directory: Path) -> None:
    with Store.open(directory) as store:
        digest = store.put(b"x" * 100_000)
    with Store.open(directory) as store:
        assert store.read(digest) == b"x" * 100_000


def test_what_is_missing_says_so_with_a_next_step(directory: Path) -> None:
    store = Store.open(directory)
    missing = sha256_of(b"never stored")
    assert not store.has(missing)
    for use in (store.path, store.size, store.read, store.open_blob, store.mapped):
        with pytest.raises(StoreError, match=missing.value) as caught:
            use(missing)
        assert caught.value.resolution


def test_a_writer_left_without_commit_leaves_nothing(directory: Path) -> None:
    store = Store.open(directory)
    with store.writer() as writer:
        writer.write(b"half")
    assert not store.has(sha256_of(b"half"))
    assert list((directory / "tmp").iterdir()) == []


def test_an_error_inside_a_writer_leaves_nothing(directory: Path) -> None:
    store = Store.open(directory)

    def fail() -> None:
        with store.writer() as writer:
            writer.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list((directory / "tmp").iterdir()) == []


def test_unexpected_content_is_refused(directory: Path) -> None:
    store = Store.open(directory)
    wanted = sha256_of(b"wanted")
    with store.writer(wanted) as writer:
        writer.write(b"something else")
        with pytest.raises(TrustError, match=wanted.value):
            writer.commit()
    assert not store.has(wanted)
    assert not store.has(sha256_of(b"something else"))


def test_a_restarted_writer_forgets_what_came_before(directory: Path) -> None:
    store = Store.open(directory)
    with store.writer(sha256_of(b"again")) as writer:
        writer.write(b"first attempt, longer")
        writer.restart()
        assert writer.position == 0
        writer.write(b"again")
        assert store.read(writer.commit()) == b"again"


def test_a_digest_of_another_kind_is_refused(directory: Path) -> None:
    with pytest.raises(StoreError, match="sha1"):
        Store.open(directory).writer(Digest("sha1", "0" * 40))


def test_damaged_content_is_never_returned(directory: Path) -> None:
    store = Store.open(directory)
    digest = store.put(b"as it was")
    _file_of(directory, digest).write_bytes(b"as it is!")
    with pytest.raises(StoreError, match="damaged"):
        store.read(digest)
    assert not store.has(digest)
    assert store.read(store.put(b"as it was")) == b"as it was"


def test_actions_are_remembered_and_replaced(directory: Path) -> None:
    store = Store.open(directory)
    assert store.action(KEY) is None
    store.remember(KEY, b"{}")
    store.remember(KEY, b'{"n": 1}')
    assert Store.open(directory).action(KEY) == b'{"n": 1}'
    assert store.action(sha256_of(b"another key")) is None


@pytest.mark.parametrize("damage", [b"", b"neve-action 1 ", b"\0" * 500])
def test_a_damaged_action_is_forgotten(directory: Path, damage: bytes) -> None:
    store = Store.open(directory)
    store.remember(KEY, b"value")
    path = directory / "actions" / KEY.value[:2] / KEY.value
    path.write_bytes(damage)
    assert store.action(KEY) is None
    assert not path.exists()


def test_an_action_moved_under_another_key_is_not_believed(directory: Path) -> None:
    store = Store.open(directory)
    store.remember(KEY, b"value")
    other = sha256_of(b"other")
    source = directory / "actions" / KEY.value[:2] / KEY.value
    target = directory / "actions" / other.value[:2] / other.value
    target.parent.mkdir(exist_ok=True)
    source.rename(target)
    assert store.action(other) is None


def test_too_large_a_result_is_refused(directory: Path) -> None:
    with pytest.raises(StoreError, match="too large"):
        Store.open(directory).remember(KEY, bytes(64 * 1024 * 1024 + 1))


def test_state_survives_collection_and_damage_is_told(directory: Path) -> None:
    store = Store.open(directory)
    assert store.state("archive:debian/trixie") is None
    store.keep_state("archive:debian/trixie", b"seen")
    store.gc(max_bytes=0)
    assert store.state("archive:debian/trixie") == b"seen"
    (file,) = (directory / "state").iterdir()
    file.write_bytes(b"garbage")
    with pytest.raises(StoreError, match="damaged"):
        store.state("archive:debian/trixie")


@pytest.mark.parametrize("name", ["..", ".", "../../escape", "a/b", "nul\0", "ü"])
def test_state_names_stay_inside(directory: Path, name: str) -> None:
    store = Store.open(directory)
    store.keep_state(name, b"v")
    assert store.state(name) == b"v"
    assert len(list((directory / "state").iterdir())) == 1


def test_a_lock_lets_one_thread_work_at_a_time(directory: Path) -> None:
    inside = 0
    most = 0
    done: list[int] = []

    def work(number: int) -> None:
        nonlocal inside, most
        with Store.open(directory) as store, store.lock(KEY):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1
            done.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert sorted(done) == list(range(8))
    assert list((directory / "locks").iterdir()) == []


def test_waiting_for_a_lock_is_told_and_ends(directory: Path) -> None:
    told: list[str] = []
    with Store.open(directory) as store, store.lock(KEY), Store.open(directory) as other:
        locked = other.lock(KEY, waiting=lambda: told.append("waiting"), timeout=0.05)
        with pytest.raises(StoreError, match="another process"), locked:
            pass
        with other.lock(sha256_of(b"unrelated")):
            pass
    assert told == ["waiting"]


def test_verify_finds_damage_leftovers_and_foreign_files(directory: Path) -> None:
    with Store.open(directory) as store:
        good, bad = store.put(b"good"), store.put(b"bad")
        store.remember(KEY, b"value")
    _file_of(directory, bad).write_bytes(b"BAD")
    (directory / "tmp" / "0123456789abcdef.0").write_bytes(b"half")
    (directory / "leases" / "0123456789abcdef").touch()
    (directory / "blobs" / "sha256" / "README").write_text("mine")
    with Store.open(directory) as store:
        report = store.verify()
        assert not report.sound
        assert report.damaged == (f"blobs/sha256/{bad.value[:2]}/{bad.value}",)
        assert set(report.leftovers) == {"tmp/0123456789abcdef.0", "leases/0123456789abcdef"}
        assert report.foreign == ("blobs/sha256/README",)
        assert (report.blobs, report.actions) == (1, 1)
        assert store.has(good)
        assert not store.has(bad)
        again = store.verify()
    assert again.sound
    assert again.leftovers == ()


def test_verify_finds_a_damaged_action(directory: Path) -> None:
    with Store.open(directory) as store:
        store.remember(KEY, b"value")
        path = directory / "actions" / KEY.value[:2] / KEY.value
        path.write_bytes(path.read_bytes() + b"!")
        assert store.verify().damaged == (f"actions/{KEY.value[:2]}/{KEY.value}",)
        assert store.verify().sound


def test_verify_leaves_a_living_writer_alone(directory: Path) -> None:
    with Store.open(directory) as store, store.writer() as writer:
        writer.write(b"being ")
        with Store.open(directory) as other:
            assert other.verify().leftovers == ()
        writer.write(b"written")
        assert store.read(writer.commit()) == b"being written"


def _age(directory: Path, digest: Digest, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(_file_of(directory, digest), (then, then))


def test_gc_removes_by_age_but_keeps_roots(directory: Path) -> None:
    with Store.open(directory) as store:
        old, root, new = store.put(b"old"), store.put(b"root"), store.put(b"new")
    _age(directory, old, 1000)
    _age(directory, root, 1000)
    with Store.open(directory) as store:
        report = store.gc(max_age=500, keep=[root])
        assert (report.removed, report.removed_size, report.in_use) == (1, 3, 1)
        assert not store.has(old)
        assert store.has(root)
        assert store.has(new)


def test_gc_removes_the_least_recently_used_first(directory: Path) -> None:
    with Store.open(directory) as store:
        digests = [store.put(bytes([n]) * 100) for n in range(5)]
    for age, digest in enumerate(digests):
        _age(directory, digest, 1000 * (age + 1))
    with Store.open(directory) as store:
        report = store.gc(max_bytes=250)
        assert [store.has(d) for d in digests] == [True, True, False, False, False]
        assert (report.kept, report.kept_size) == (2, 200)


def test_gc_never_takes_what_an_open_store_used(directory: Path) -> None:
    with Store.open(directory) as store:
        used, idle = store.put(b"used"), store.put(b"idle")
    for digest in (used, idle):
        _age(directory, digest, 10_000)
    with Store.open(directory) as building:
        assert building.has(used)
        with Store.open(directory) as collecting:
            report = collecting.gc(max_age=0, max_bytes=0)
        assert report.in_use == 1
        assert building.read(used) == b"used"
        assert not building.has(idle)


def test_gc_takes_all_when_nobody_is_there(directory: Path) -> None:
    with Store.open(directory) as store:
        digest = store.put(b"x")
        store.remember(KEY, b"y")
    _age(directory, digest, 10)
    action = directory / "actions" / KEY.value[:2] / KEY.value
    os.utime(action, (1, 1))
    with Store.open(directory) as store:
        assert store.gc(max_bytes=0).kept == 0
        assert store.action(KEY) is None


def test_many_threads_may_put_the_same(directory: Path) -> None:
    store = Store.open(directory)
    digests: list[Digest] = []
    threads = [
        threading.Thread(target=lambda: digests.append(store.put(b"same" * 1000))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 8
    assert len(set(digests)) == 1
    assert store.verify().blobs == 1


def test_a_closed_store_leaves_no_lease(directory: Path) -> None:
    with Store.open(directory):
        assert len(list((directory / "leases").iterdir())) == 1
    assert list((directory / "leases").iterdir()) == []


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a directory")
    with pytest.raises(StoreError, match="store") as caught:
        Store.open(tmp_path / "store")
    assert "NEVE_STORE" in caught.value.resolution


def test_default_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    home = {"HOME": "/home/me"}
    assert default_directory(home | {"NEVE_STORE": "/s"}) == Path("/s")
    assert default_directory(home | {"XDG_CACHE_HOME": "/c"}) == Path("/c/neve")
    assert default_directory(home | {"XDG_CACHE_HOME": "rel"}) == Path("/home/me/.cache/neve")
    assert default_directory(home) == Path("/home/me/.cache/neve")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_directory(home) == Path("/home/me/Library/Caches/neve")
    monkeypatch.setattr("sys.platform", "win32")
    assert default_directory(home | {"LOCALAPPDATA": "/L"}) == Path("/L/neve")


def test_it_works_where_the_system_has_no_file_locks(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neve.store import locks

    for name in ("fcntl", "msvcrt"):
        monkeypatch.setitem(sys.modules, name, None)
    locks._module.cache_clear()
    try:
        with Store.open(directory) as store:
            digest = store.put(b"content")
            assert store.read(digest) == b"content"
            with store.lock(KEY), Store.open(directory) as other:
                second = other.lock(KEY, timeout=0.01)
                with pytest.raises(StoreError), second:
                    pass
            with store.lock(KEY):
                assert store.verify().sound
            assert store.gc(max_age=0, max_bytes=0).removed == 0
    finally:
        locks._module.cache_clear()


def damaged(directory: Path) -> Digest:
    """A blob that an earlier process wrote and that rotted since."""
    with Store.open(directory) as store:
        digest = store.put(b"what was written")
        path = store.path(digest)
    path.write_bytes(b"what was wrItten")
    return digest


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda store, digest: store.path(digest), id="as a file"),
        pytest.param(lambda store, digest: store.mapped(digest), id="mapped"),
        pytest.param(lambda store, digest: store.open_blob(digest), id="opened"),
        pytest.param(lambda store, digest: store.read(digest), id="read"),
    ],
)
def test_what_rotted_is_never_handed_out(
    directory: Path, use: Callable[[Store, Digest], object]
) -> None:
    digest = damaged(directory)
    with Store.open(directory) as store:
        with pytest.raises(StoreError, match="damaged") as caught:
            use(store, digest)
        assert str(digest) in caught.value.brief
        assert "run the command again" in caught.value.resolution
        assert not store.has(digest)


def test_what_rotted_is_not_sound_and_can_be_put_again(directory: Path) -> None:
    digest = damaged(directory)
    with Store.open(directory) as store:
        assert store.has(digest)
        assert not store.sound(digest)
        assert not store.has(digest)
        assert store.put(b"what was written") == digest
        assert store.sound(digest)


def test_putting_the_same_again_mends_what_rotted(directory: Path) -> None:
    digest = damaged(directory)
    with Store.open(directory) as store:
        assert store.put(b"what was written") == digest
        assert store.read(digest) == b"what was written"


def test_all_that_is_held_can_be_listed(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        assert store.digests() == frozenset()
        held = {store.put(b"one"), store.put(b"two")}
        (tmp_path / "store" / "blobs" / "sha256" / "ab").mkdir(exist_ok=True)
        (tmp_path / "store" / "blobs" / "sha256" / "ab" / "stray").write_bytes(b"")
        assert store.digests() == held
