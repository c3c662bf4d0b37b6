"""A lock is the whole input of a build: what no longer fits, or was tampered with, stops it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import ArchiveBuilder, SigningKey, make_deb, serve
from tests.support.command import HOUR, RECIPE, Desk, Mirror, publish

Tampering = Callable[[dict[str, Any]], None]


def tamper(desk: Desk, change: Tampering) -> None:
    """Rewrite the lock as ``change`` leaves it."""
    path = desk.directory / "neve.lock"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=1, sort_keys=True))


FILES = RECIPE + "files:\n  /etc/app.conf: {source: app.conf}\n"


@pytest.fixture(scope="module")
def once(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("locks") / "desk", server, key, recipe=FILES)
        desk.write("app.conf", "answer = 42\n")
        desk.neve("lock")
        yield desk


@pytest.fixture
def locked(once: Desk, tmp_path: Path) -> Desk:
    """A desk whose recipe has a file beside it, a lock, and a store with the packages."""
    shutil.copytree(once.directory, tmp_path / "locked")
    return Desk(
        tmp_path / "locked",
        once.server,
        {**once.environment, "NEVE_STORE": str(tmp_path / "locked" / "store")},
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("neve.yaml", RECIPE.replace("[tool, plain]", "[tool]")),
        ("app.conf", "answer = 43\n"),
        ("corp.pgp", "another key"),
    ],
)
@pytest.mark.parametrize("verb", ["build", "plan"])
def test_a_file_that_changed_since_the_lock_is_named(
    locked: Desk, name: str, text: str, verb: str
) -> None:
    locked.write(name, text)
    done = locked.neve(verb, expect=2)
    assert "the recipe no longer matches its lock" in done.err
    assert name in done.err
    assert "neve lock" in done.err
    assert not (locked.directory / "small").exists()


def test_a_file_that_went_away_since_the_lock_is_named(locked: Desk) -> None:
    (locked.directory / "app.conf").unlink()
    done = locked.neve("build", expect=2)
    assert "app.conf" in done.err


def test_a_comment_is_a_change_too_and_locking_again_mends_it(locked: Desk) -> None:
    digest = locked.build()
    path = locked.directory / "neve.yaml"
    path.write_text("# reviewed\n" + path.read_text())
    locked.neve("build", expect=2)
    locked.neve("lock")
    assert locked.build() != digest  # the configuration names the recipe's digest


def test_a_lock_of_other_rules_stops_before_anything_is_fetched(locked: Desk) -> None:
    def older(document: dict[str, Any]) -> None:
        document["rules"] = [
            [name, "0-of-old" if name == "layering" else version]
            for name, version in document["rules"]
        ]

    tamper(locked, older)
    locked.store("cold")
    asked = len(locked.server.requests)
    done = locked.neve("build", expect=2)
    assert "other bytes" in done.err
    assert "layering: the lock has 0-of-old, this neve has" in done.err
    assert "neve lock --update" in done.err
    assert len(locked.server.requests) == asked


def _wrong_digest(document: dict[str, Any]) -> None:
    for package in document["packages"]:
        if package["name"] == "tool":
            package["digest"] = "sha256:" + "00" * 32


def _wrong_size(document: dict[str, Any]) -> None:
    for package in document["packages"]:
        if package["name"] == "tool":
            package["size"] += 1


@pytest.mark.parametrize("change", [_wrong_digest, _wrong_size])
def test_bytes_that_the_lock_does_not_promise_are_refused(locked: Desk, change: Tampering) -> None:
    tamper(locked, change)
    locked.store("cold")
    done = locked.neve("build", expect=3)
    assert "tool 1:2.0-1" in done.err
    assert "next:" in done.err
    assert not (locked.directory / "small").exists()


def _in_tool(**changes: object) -> Tampering:
    def change(document: dict[str, Any]) -> None:
        for package in document["packages"]:
            if package["name"] == "tool":
                package.update(changes)

    return change


def _at(*keys: str | int, value: object) -> Tampering:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


HOSTILE = {
    "a path that leaves its archive": _in_tool(path="pool/../../secret.deb"),
    "an absolute path": _in_tool(path="/etc/passwd"),
    "a digest that is none": _in_tool(digest="sha256:short"),
    "a digest of a weak kind": _in_tool(digest="md5:" + "0" * 32),
    "a negative size": _in_tool(size=-1),
    "an archive that the lock does not describe": _in_tool(archive="evil:suite"),
    "a package that is not there": _at("targets", 0, "packages", value=[999]),
    "a package twice": _at("targets", 0, "packages", value=[0, 0]),
    "an unknown key": _at("surprise", value=1),
    "no packages": lambda document: document.pop("packages"),
    "another schema": _at("schema_version", value=99),
    "a word for a number": _at("time", value="now"),
    "a source outside": _at("sources", 0, "path", value="/etc/passwd"),
    "an address": _at("recipe", "repositories", 0, "url", value="https://evil.example"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lock_edited_by_hand_is_refused_with(name: str, locked: Desk) -> None:
    tamper(locked, HOSTILE[name])
    asked = len(locked.server.requests)
    done = locked.neve("build", expect=2)
    assert done.err.startswith("error: neve.lock")
    assert "neve itself failed" not in done.err
    assert len(locked.server.requests) == asked
    assert not (locked.directory / "small").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"schema_version": 1}', b'{"a": 1, "a": 2}'],
    ids=["empty", "cut short", "deeply nested", "not text", "nearly nothing", "a key twice"],
)
def test_a_lock_that_is_none_is_refused(locked: Desk, data: bytes) -> None:
    (locked.directory / "neve.lock").write_bytes(data)
    done = locked.neve("build", expect=2)
    assert done.err.startswith("error: neve.lock")
    assert "neve itself failed" not in done.err


def test_an_existing_lock_is_kept_until_an_update_is_asked_for(desk: Desk, mirror: Mirror) -> None:
    desk.neve("lock")
    before = (desk.directory / "neve.lock").read_bytes()
    for suffix in ("amd64", "arm64"):
        newer = make_deb("libsmall1", "1.1", suffix, files={"usr/lib/libsmall.so.1": b"newer"})
        mirror.archive.add(newer, suite="trixie-security")
        mirror.archive.add(
            make_deb("inspector", "3.2", suffix, files={"usr/bin/inspect": b"newer"}),
            suite="trixie-updates",
        )
    publish(mirror.archive, mirror.key, date=_now() - HOUR // 2)
    kept = desk.neve("lock", "--format", "json").document
    assert kept["written"] is False
    assert (desk.directory / "neve.lock").read_bytes() == before

    shown = desk.neve("lock", "--update", "--dry-run").out
    assert "libsmall1" in shown
    assert "1.1" in shown
    assert "inspector" in shown
    assert (desk.directory / "neve.lock").read_bytes() == before

    desk.neve("lock", ".", "libsmall1", "--update")
    versions = _versions(desk)
    assert versions["libsmall1"] == {"1.1"}
    assert versions["inspector"] == {"3.1"}

    desk.neve("lock", "--update")
    assert _versions(desk)["inspector"] == {"3.2"}


def test_an_update_of_a_package_the_lock_lacks_is_refused(locked: Desk) -> None:
    done = locked.neve("lock", ".", "nothing", "--update", expect=2)
    assert "the lock has no such package" in done.err


def test_an_unknown_script_is_reported_before_anything_is_written(desk: Desk) -> None:
    desk.write("neve.yaml", RECIPE.replace("[tool, plain]", "[tool, riddle]"))
    done = desk.neve("lock", expect=4)
    assert "conjure" in done.err
    assert "neve effects trace riddle" in done.err
    assert "- script: riddle:sha256:" in done.err
    assert "packages[1]: riddle (neve.yaml:8:18)" in done.err
    assert not (desk.directory / "neve.lock").exists()


def test_an_unknown_script_that_the_recipe_answers_for_is_locked_and_marked(desk: Desk) -> None:
    text = RECIPE.replace("[tool, plain]", "[tool, riddle]")
    desk.write("neve.yaml", text)
    refused = desk.neve("lock", expect=4).err
    subject = refused.split("- script: ")[1].split()[0]
    waiver = "{script: '%s', reason: 'prints only', owner: me, expires: %s}"
    desk.write("neve.yaml", f"{text}acknowledged:\n  - {waiver % (subject, '2099-01-01')}\n")
    targets = desk.neve("lock", "--format", "json").document["targets"]
    assert targets[0]["effects"]["acknowledged"] == 1

    (desk.directory / "neve.lock").unlink()
    desk.write("neve.yaml", f"{text}acknowledged:\n  - {waiver % (subject, '2020-01-01')}\n")
    desk.neve("lock", expect=4)


def test_a_downgrade_of_the_archive_is_refused(desk: Desk, mirror: Mirror) -> None:
    desk.neve("lock")
    publish(mirror.archive, mirror.key, date=_now() - 30 * HOUR)
    done = desk.neve("lock", "--update", expect=3)
    assert "the archive shows an older state than it did before" in done.err
    assert "next:" in done.err


def test_a_mirror_signed_by_somebody_else_is_refused(desk: Desk, mirror: Mirror) -> None:
    text = "name: small\ndistribution: debian\nrelease: '13'\npackages: [tool]\n"
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=3)
    assert "no key that may sign this suite" in done.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{name: main, suite: stable, keyring: corp.pgp}", "trixie"),
        ("{name: main, suite: trixie, keyring: corp.pgp, url: 'https://h.example/d'}", "neve.toml"),
    ],
)
def test_a_suite_of_the_distribution_is_only_signed_otherwise(
    desk: Desk, line: str, said: str
) -> None:
    old = "{name: main, suite: trixie, keyring: corp.pgp}"
    desk.write("neve.yaml", RECIPE.replace(old, line))
    done = desk.neve("lock", expect=2)
    assert "neve.yaml:5:" in done.err
    assert said in done.err


def _versions(desk: Desk) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package in json.loads((desk.directory / "neve.lock").read_text())["packages"]:
        found.setdefault(package["name"], set()).add(package["version"])
    return found


def _now() -> int:
    return int(time.time())
