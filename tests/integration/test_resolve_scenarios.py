"""What the archive's names don't exercise, against apt on a small archive made here: pins,
releases, foreign architectures, conflicting targets, virtual packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from neve.formats.deb.index import PackagesIndex
from neve.model import sha256_of
from neve.recipe.types import PackageRequest
from neve.resolve import Explanation, Request, Source, Universe, archive_priority, resolve

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not here"),
]

STABLE = """
order: depends=second | first
first:
second:
mail: depends=transport
transport: depends=lib
other-transport: provides=transport
lib: version=1.0
tied: depends=api
essential-provider: provides=api essential=yes
required-provider: provides=api priority=required
turned: depends=left | right, wall
left:
right:
wall: conflicts=left
versioned: depends=abi (>= 2)
abi-old: provides=abi (= 1)
abi-new: provides=abi (= 3)
unversioned: depends=bare (>= 1)
bare-provider: provides=bare
broken: depends=lib (>= 9)
late: depends=broken | first
breaker: breaks=lib (<< 2)
exim: provides=mta conflicts=mta
postfix: provides=mta conflicts=mta
sole: provides=only-one
cycle-a: depends=cycle-b
cycle-b: pre-depends=cycle-c
cycle-c: depends=cycle-a
tool: multi-arch=foreign depends=shared
shared: multi-arch=same
script: multi-arch=allowed
native-plugin: depends=script:any
data: architecture=all multi-arch=foreign
unmarked-data: architecture=all
app: version=1.0 depends=lib
game: architecture=i386 depends=shared, tool, data, lib
shared: architecture=i386 multi-arch=same
lib: version=1.0 architecture=i386
foreign-plugin: architecture=i386 depends=script:any
needs-native-data: architecture=i386 depends=unmarked-data
skewed: architecture=i386 multi-arch=same version=2
skewed: multi-arch=same version=1
pair: depends=skewed, skewed:i386
"""

BACKPORTS = """
app: version=2.0 depends=lib (>= 2)
lib: version=2.0
lib: version=2.0 architecture=i386
first: version=7
"""


def stanzas(text: str) -> str:
    """``name: field=value …`` lines as a Packages file; values may hold spaces."""
    written = []
    for line in text.strip().splitlines():
        name, _, rest = line.partition(":")
        fields = {"version": "1", "architecture": "amd64", "priority": "optional"}
        key = ""
        for word in rest.split():
            head, equals, value = word.partition("=")
            if equals and head.replace("-", "").isalpha():
                key = head
                fields[key] = value
            else:
                fields[key] += f" {word}"
        fingerprint = hashlib.sha256(line.encode()).hexdigest()
        written.append(
            f"Package: {name}\n"
            + "".join(f"{key.title()}: {value}\n" for key, value in fields.items())
            + f"Filename: pool/{name}.deb\nSize: 1\nSHA256: {fingerprint}\n"
            + "Maintainer: N <n@example.org>\nDescription: x\n"
        )
    return "\n".join(written)


class World:
    """Two suites of one small archive, for apt and for neve."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for below in ("etc/parts", "state/lists/partial", "cache"):
            (directory / below).mkdir(parents=True)
        (directory / "status").touch()
        self.sources = [
            self._suite("stable", STABLE, 500),
            self._suite(
                "backports",
                BACKPORTS,
                archive_priority(not_automatic=True, but_automatic_upgrades=True),
            ),
        ]
        lines = (f"deb [trusted=yes] file:{directory}/{suite} ./\n" for suite in self.names)
        (directory / "etc/sources.list").write_text("".join(lines))
        done = self.apt("-q", "update")
        assert done.returncode == 0, done.stdout + done.stderr

    names = ("stable", "backports")

    def _suite(self, name: str, text: str, priority: int) -> Source:
        folder = self.directory / name
        folder.mkdir()
        data = stanzas(text).encode()
        (folder / "Packages").write_bytes(data)
        listed = f" {hashlib.sha256(data).hexdigest()} {len(data)} Packages\n"
        marks = "" if priority == 500 else "NotAutomatic: yes\nButAutomaticUpgrades: yes\n"
        (folder / "Release").write_text(
            f"Origin: Test\nSuite: {name}\nCodename: {name}\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n"
            f"Architectures: amd64 i386\n{marks}SHA256:\n{listed}"
        )
        return Source(
            archive=name,
            index=sha256_of(data),
            packages=PackagesIndex.parse(data),
            priority=priority,
            releases=(name,),
        )

    def apt(self, *words: str) -> subprocess.CompletedProcess[str]:
        here = self.directory
        options = [
            f"Dir::Etc::sourcelist={here}/etc/sources.list",
            f"Dir::Etc::sourceparts={here}/etc/parts",
            f"Dir::Etc::preferences={here}/etc/preferences",
            f"Dir::Etc::preferencesparts={here}/etc/parts",
            f"Dir::State={here}/state",
            f"Dir::State::status={here}/status",
            f"Dir::Cache={here}/cache",
            "APT::Architecture=amd64",
            "APT::Architectures::=amd64",
            "APT::Architectures::=i386",
            "APT::Sandbox::User=root",
            "APT::Default-Release=",
            "Acquire::Languages=none",
        ]
        given = [part for option in options for part in ("-o", option)]
        return subprocess.run(
            ["apt-get", *given, *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )

    def by_apt(self, *words: str) -> set[tuple[str, str]] | None:
        done = self.apt("-qq", "-s", "install", "--no-install-recommends", *words)
        if done.returncode:
            return None
        installs = [line for line in done.stdout.splitlines() if line.startswith("Inst ")]
        found = set()
        for line in installs:
            name, version = line.split()[1:3]
            name, _, architecture = name.partition(":")
            found.add((f"{name}:{architecture or 'amd64'}", version.lstrip("(")))
        return found

    def by_neve(self, *words: str) -> set[tuple[str, str]] | None:
        universe = Universe(self.sources, architecture="amd64", foreign=("i386",))
        answer = resolve(Request(requests=tuple(map(request, words))), universe)
        if isinstance(answer, Explanation):
            assert answer.brief
            return None
        return {
            (
                f"{c.package.name}:"
                + ("amd64" if c.package.architecture == "all" else c.package.architecture),
                c.package.version,
            )
            for c in answer.packages
        }


def request(word: str) -> PackageRequest:
    """apt's ``name[:arch][=version|/release]`` as a request."""
    name, _, version = word.partition("=")
    name, _, release = name.partition("/")
    name, _, architecture = name.partition(":")
    return PackageRequest(
        name=name,
        version=version or None,
        release=release or None,
        architecture=architecture or None,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("archive"))


@pytest.mark.parametrize(
    "words",
    [
        "order",
        "order first",
        "first order",
        "mail",
        "mail other-transport",
        "tied",
        "turned",
        "versioned",
        "unversioned",
        "broken",
        "late",
        "breaker",
        "breaker lib",
        "breaker lib/backports",
        "exim",
        "exim postfix",
        "only-one",
        "transport",
        "app",
        "app=2.0 lib=2.0",
        "app=2*",
        "app/backports",
        "app=3",
        "first=7",
        "order first=7",
        "native-plugin",
        "game:i386",
        "game:i386 app",
        "foreign-plugin:i386",
        "needs-native-data:i386",
        "skewed:i386",
        "skewed skewed:i386",
        "pair",
        "shared shared:i386",
        "no-such-package",
    ],
)
def test_agrees_with_apt(world: World, words: str) -> None:
    assert world.by_neve(*words.split()) == world.by_apt(*words.split())


@pytest.mark.parametrize(
    ("words", "apt_has", "neve_has"),
    [
        # apt lets a release override the version pinned beside it; neve never breaks a pin.
        ("lib=1.0 app/backports", {"app", "lib"}, None),
        # apt can't order a cycle through Pre-Depends while it unpacks; neve runs nothing, so
        # any order will do.
        ("cycle-a", None, {"cycle-a", "cycle-b", "cycle-c"}),
    ],
)
def test_known_differences(
    world: World, words: str, apt_has: set[str] | None, neve_has: set[str] | None
) -> None:
    def bare(found: set[tuple[str, str]] | None) -> set[str] | None:
        return None if found is None else {name.partition(":")[0] for name, _ in found}

    assert bare(world.by_apt(*words.split())) == apt_has
    assert bare(world.by_neve(*words.split())) == neve_has
