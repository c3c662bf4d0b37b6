"""Which version of a package a lock takes: pins, releases, updates, snapshots, architectures; and
what is said when a request can't be met.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.archive import ArchiveBuilder, Deb, Regular, Server, SigningKey, make_deb, serve
from tests.support.command import HOUR, RECIPE, SUITES, Desk, publish

from neve.oci.layout_source import open_image
from neve.oci.read_tree import read_tree
from neve.recipe.lockdiff import LockDiff
from neve.store import Store
from neve.verbs.context import Workspace
from neve.verbs.lock import LockRequest, write_lock
from neve.verbs.places import find_recipe
from neve.verbs.settings import load_settings

SNAPSHOT = "20250301T000000Z"


def deb(name: str, version: str, depends: str = "", **fields: str) -> Deb:
    """A package whose one file says its version."""
    if depends:
        fields["Depends"] = depends
    content = Regular(f"{name} {version}\n".encode())
    return make_deb(name, version, files={f"usr/share/{name}/version": content}, fields=fields)


@dataclass
class Vendor:
    """A vendor's archive that a test may publish again."""

    archive: ArchiveBuilder
    key: SigningKey
    server: Server
    at: int
    architectures: tuple[str, ...] = ("amd64",)

    def add(self, *debs: Deb) -> None:
        """Add packages and sign the suite an hour later than before."""
        for one in debs:
            self.archive.add(one)
        self.at += HOUR
        self.archive.publish(
            "stable",
            key=self.key,
            date=self.at,
            codename="amber",
            architectures=self.architectures,
        )


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    archive = ArchiveBuilder(tmp_path / "vendor")
    archive.root.mkdir()
    with serve(archive.root) as server:
        found = Vendor(archive, SigningKey.generate("Vendor"), server, int(time.time()) - 9 * HOUR)
        yield found


@pytest.fixture(scope="module")
def debian(
    small_archive: tuple[ArchiveBuilder, SigningKey],
) -> Iterator[tuple[Server, SigningKey]]:
    archive, key = small_archive
    with serve(archive.root) as server:
        yield server, key


@pytest.fixture
def desk(debian: tuple[Server, SigningKey], vendor: Vendor, tmp_path: Path) -> Desk:
    found = Desk.lay(tmp_path / "desk", *debian)
    (found.directory / "vendor.gpg").write_bytes(vendor.key.public)
    return found


def ask(desk: Desk, vendor: Vendor, packages: str, more: str = "") -> None:
    """Write a recipe for ``packages`` from the vendor's repository too."""
    corp = f"  - {{name: corp, url: {vendor.server.url}, suite: stable, keyring: vendor.gpg}}\n"
    text = RECIPE.replace("packages: [tool, plain]", f"{corp}packages: {packages}")
    desk.write("neve.yaml", text.partition("variants:")[0] + f"platforms: [linux/amd64]\n{more}")


def versions(desk: Desk) -> dict[str, str]:
    """Package versions of the lock."""
    lock = json.loads((desk.directory / "neve.lock").read_text())
    return {row["name"]: row["version"] for row in lock["packages"]}


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        ("agent", "2.1-1"),
        ('"agent=1.0-1"', "1.0-1"),
        ('"agent=1.*"', "1.5-1"),
        ("{name: agent, version: 2.0*}", "2.0-3"),
        ("agent/corp", "2.1-1"),
        ('"agent/amber=2.0*"', "2.0-3"),
    ],
)
def test_pins(request_: str, chosen: str, desk: Desk, vendor: Vendor) -> None:
    vendor.add(*(deb("agent", version) for version in ("1.0-1", "1.5-1", "2.0-3", "2.1-1")))
    ask(desk, vendor, f"[{request_}]")
    desk.neve("lock")
    assert versions(desk)["agent"] == chosen


def test_a_release_chooses_between_the_distributions_package_and_the_vendors(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.add(deb("plain", "9.9"))
    for request, chosen in (("plain", "9.9"), ("plain/corp", "9.9"), ("plain/trixie", "1.0")):
        ask(desk, vendor, f"[{request}]")
        desk.neve("lock")
        assert versions(desk)["plain"] == chosen


def test_a_version_that_is_not_there_lists_those_that_are(desk: Desk, vendor: Vendor) -> None:
    vendor.add(deb("agent", "1.0-1"), deb("agent", "1.5-1"))
    ask(desk, vendor, '[plain, "agent=3.*"]')
    done = desk.neve("lock", expect=2)
    line = next(
        number
        for number, row in enumerate((desk.directory / "neve.yaml").read_text().splitlines(), 1)
        if row.startswith("packages")
    )
    assert f"neve.yaml:{line}:19: no version of agent fits what is asked for: agent 3.*" in done.err
    assert "agent 1.5-1 is in corp:stable" in done.err


FIRST = (
    deb("agent", "1.0", "agent-lib (>= 1.0)", Source="agent"),
    deb("agent-lib", "1.0", Source="agent"),
    deb("other", "1.0"),
)


@pytest.mark.parametrize(
    ("request_", "more", "words"),
    [
        ("plain/trixie-backports", "", "Add the suite to the recipe: `repositories: [backports]`"),
        ("plain/backport", "", "Did you mean backports? Add the suite"),
        ("plain/corpp", "", "Did you mean corp?"),
        ("plain/nowhere", "", "Name the archive under repositories"),
        ('"plain:arm65"', "", "Did you mean arm64?"),
        ("plain", "exclude: [base-files]\n", "base-files can't be excluded"),
    ],
)
def test_a_wrong_word_is_answered_at_its_place_with_what_was_meant(
    request_: str, more: str, words: str, desk: Desk, vendor: Vendor
) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, f"[{request_}]", more)
    done = desk.neve("lock", expect=2)
    assert words in " ".join(done.err.split())
    assert re.match(r"error: neve\.yaml:\d+:\d+: ", done.err)


def test_updating_one_package_leaves_all_others(desk: Desk, vendor: Vendor) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, "[agent, other]")
    desk.neve("lock")
    vendor.add(
        deb("agent", "1.1", "agent-lib (>= 1.0)"), deb("agent-lib", "1.1"), deb("other", "2")
    )
    before = (desk.directory / "neve.lock").read_bytes()
    desk.neve("lock")
    assert (desk.directory / "neve.lock").read_bytes() == before, "nothing was asked to change"
    dry = desk.neve("lock", "--update", "agent", "--dry-run")
    assert "1.1" in dry.out
    assert "not written" in dry.out
    assert (desk.directory / "neve.lock").read_bytes() == before
    desk.neve("lock", "neve.yaml", "--update", "agent")
    assert versions(desk) == {
        "agent": "1.1", "agent-lib": "1.0", "other": "1.0", "base-files": "13"
    }  # fmt: skip
    desk.neve("lock", "--update", "agent-lib")
    assert versions(desk)["agent-lib"] == "1.1"
    assert versions(desk)["other"] == "1.0"
    desk.neve("lock", "--update")
    assert versions(desk)["other"] == "2"


def test_updating_one_package_takes_along_what_its_new_version_needs(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, "[agent, other]")
    desk.neve("lock")
    vendor.add(deb("agent", "2", "agent-lib (>= 2)"), deb("agent-lib", "2"), deb("other", "2"))
    desk.neve("lock", "--update", "agent")
    assert (versions(desk)["agent"], versions(desk)["agent-lib"]) == ("2", "2")
    assert versions(desk)["other"] == "1.0"


def test_updating_a_library_takes_along_its_program_of_the_same_source(
    desk: Desk, vendor: Vendor
) -> None:
    strict = deb("agent", "1.0", "agent-lib (= 1.0)", Source="agent")
    vendor.add(strict, *FIRST[1:])
    ask(desk, vendor, "[agent, other]")
    desk.neve("lock")
    vendor.add(
        deb("agent", "2", "agent-lib (= 2)", Source="agent"),
        deb("agent-lib", "2", Source="agent"),
        deb("other", "2"),
    )
    desk.neve("lock", "--update", "agent-lib")
    assert (versions(desk)["agent"], versions(desk)["agent-lib"]) == ("2", "2")
    assert versions(desk)["other"] == "1.0"


def test_an_update_that_the_held_packages_forbid_says_whom_to_name(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.add(deb("agent", "1.0", "agent-lib (= 1.0)"), deb("agent-lib", "1.0"))
    ask(desk, vendor, "[agent]")
    desk.neve("lock")
    vendor.add(deb("agent", "2", "agent-lib (= 2)"), deb("agent-lib", "2"))
    done = desk.neve("lock", "--update", "agent-lib", expect=2)
    assert "with all other packages at their locked versions" in done.err
    assert "agent 1.0 needs agent-lib (= 1.0)" in done.err
    assert "Name the packages above after --update as well" in " ".join(done.err.split())
    desk.neve("lock", "--update", "agent-lib", "agent")
    assert versions(desk)["agent"] == "2"


def test_updating_what_the_lock_lacks_is_refused(desk: Desk, vendor: Vendor) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, "[agent]")
    desk.neve("lock")
    done = desk.neve("lock", "--update", "agnet", expect=2)
    assert "the lock has no such package" in done.err


def test_changes_are_shown_before_the_lock_is_written(desk: Desk, vendor: Vendor) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, "[agent, other]")
    desk.neve("lock")
    vendor.add(deb("other", "2"))
    lock = desk.directory / "neve.lock"
    shown: list[tuple[LockDiff, bytes]] = []

    class Quiet:
        def stage(self, name: str, total: int | None = None) -> None: ...
        def advance(self, amount: int, item: str = "") -> None: ...
        def note(self, text: str) -> None: ...

    settings = load_settings({}, environment=desk.environment, directory=desk.directory)
    before = lock.read_bytes()
    with Workspace(settings, Quiet()) as workspace:
        request = LockRequest(place=find_recipe(str(desk.directory)), update=True)
        write_lock(
            request, workspace, show=lambda changes: shown.append((changes, lock.read_bytes()))
        )
    ((changes, then),) = shown
    assert [(change.name, change.new) for change in changes.changed] == [("other", "2")]
    assert then == before
    assert lock.read_bytes() != before


def test_an_unknown_package_is_named_at_its_place_with_a_suggestion(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.add(*FIRST)
    ask(desk, vendor, "\n  - plain\n  - agnet\n")
    done = desk.neve("lock", expect=2)
    text = (desk.directory / "neve.yaml").read_text().splitlines()
    line = text.index("  - agnet") + 1
    assert f"neve.yaml:{line}:5: there is no package agnet in the archive" in done.err
    assert "Did you mean agent?" in done.err


def test_what_is_excluded_but_needed_is_explained_by_the_chain(desk: Desk, vendor: Vendor) -> None:
    vendor.add(deb("suite", "1", "agent (>= 1)"), *FIRST)
    ask(desk, vendor, "[plain, suite]", "exclude: [agent-lib]\n")
    done = desk.neve("lock", expect=2)
    assert "neve.yaml:9:19: suite can't be installed" in done.err
    assert "suite 1 needs agent (>= 1)" in done.err
    assert "agent 1.0 needs agent-lib (>= 1.0), but agent-lib is excluded by the recipe" in done.err
    assert "Remove agent-lib from exclude" in done.err


def test_what_can_not_be_met_is_explained_as_a_person_would(desk: Desk, vendor: Vendor) -> None:
    vendor.add(
        deb("suite", "1", "engine (>= 2), plain"),
        deb("engine", "1.4"),
        deb("left", "1", Conflicts="right"),
        deb("right", "1"),
    )
    ask(desk, vendor, "[plain, suite]")
    done = desk.neve("lock", expect=2)
    wanted = "suite 1 needs engine (>= 2), the archive has 1.4"
    assert f"neve.yaml:9:19: suite can't be installed: {wanted}" in done.err
    assert "Traceback" not in done.err
    ask(desk, vendor, "[left, right]")
    done = desk.neve("lock", expect=2)
    assert "left 1 conflicts with right, and right 1 is one" in done.err


def library(architecture: str, triplet: str) -> Deb:
    """A library that two architectures may have side by side; they share their documentation."""
    return make_deb(
        "libother1",
        "1.0",
        architecture,
        files={
            f"usr/lib/{triplet}/libother.so.1": Regular(f"for {architecture}\n".encode()),
            "usr/share/doc/libother1/copyright": b"MIT\n",
        },
        fields={"Multi-Arch": "same"},
        scripts={"postinst": f"#!/bin/sh\nset -e\nmkdir -p /usr/lib/{triplet}/other.d\n"},
    )


def test_a_foreign_architecture_stands_beside_the_native_one(desk: Desk, vendor: Vendor) -> None:
    vendor.architectures = ("amd64", "arm64")
    vendor.add(library("amd64", "x86_64-linux-gnu"), library("arm64", "aarch64-linux-gnu"))
    ask(desk, vendor, '[libother1, "libother1:arm64"]')
    desk.build("out", "--platform", "linux/amd64")
    with Store.open(desk.directory / "reader") as store:
        tree = read_tree(open_image(desk.directory / "out"), store)
    paths = {entry.path for entry in tree}
    assert "/usr/lib/x86_64-linux-gnu/libother.so.1" in paths
    assert "/usr/lib/aarch64-linux-gnu/libother.so.1" in paths
    assert "/usr/lib/aarch64-linux-gnu/other.d" in paths
    assert "/usr/lib/x86_64-linux-gnu/other.d" in paths
    assert "/usr/share/doc/libother1/copyright" in paths
    installed = {path for path in paths if path.startswith("/var/lib/dpkg/status.d/libother1")}
    names = [f"/var/lib/dpkg/status.d/libother1{own}" for own in ("", ":arm64")]
    assert installed == {name + more for name in names for more in ("", ".md5sums")}


def test_only_the_foreign_architecture_may_be_asked_for(desk: Desk, vendor: Vendor) -> None:
    vendor.architectures = ("amd64", "arm64")
    vendor.add(library("amd64", "x86_64-linux-gnu"), library("arm64", "aarch64-linux-gnu"))
    ask(desk, vendor, '[plain, "libother1:arm64"]')
    desk.neve("lock")
    lock = json.loads((desk.directory / "neve.lock").read_text())
    (row,) = [row for row in lock["packages"] if row["name"] == "libother1"]
    assert row["architecture"] == "arm64"
    ask(desk, vendor, '[plain, "libother1:armhf"]')
    done = desk.neve("lock", expect=2)
    assert "has nothing for armhf" in done.err


def test_a_snapshot_is_read_as_it_was_though_it_expired_since(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path: Path
) -> None:
    archive, key = small_archive
    then = int(datetime(2025, 2, 27, tzinfo=UTC).timestamp())
    for host in ("debian", "debian-security"):
        root = tmp_path / "service" / "archive" / host / SNAPSHOT
        shutil.copytree(archive.root, root)
        publish(ArchiveBuilder(root, list(archive.packages)), key, date=then)
    with serve(tmp_path / "service") as service, serve(tmp_path / "nothing") as live:
        (tmp_path / "nothing").mkdir()
        recipe = RECIPE.replace("packages:", f"snapshot: {SNAPSHOT}\npackages:", 1)
        desk = Desk.lay(tmp_path / "desk", live, key, recipe=recipe)
        desk.point_at(live.url, snapshot=service.url)
        desk.neve("lock")
        lock = json.loads((desk.directory / "neve.lock").read_text())
        assert {row["snapshot"] for row in lock["archives"]} == {SNAPSHOT}
        assert lock["time"] == then
        assert desk.build(env={"NEVE_STORE": str(tmp_path / "cold")}) == desk.build()
        assert not live.requests
        late = recipe.replace(SNAPSHOT, "20250601T000000Z")
        for host in ("debian", "debian-security"):
            below = tmp_path / "service" / "archive" / host
            (below / "20250601T000000Z").symlink_to(below / SNAPSHOT)
        desk.write("neve.yaml", late)
        done = desk.neve("lock", expect=3)
        assert "expired" in done.err
    assert set(SUITES) == {row["suite"] for row in lock["archives"]}
