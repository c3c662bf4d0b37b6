"""The real ``neve`` command in a directory of its own, against a small signed archive on loopback.

The archive stands in for a distribution that an organisation mirrors and signs itself: the recipe
names its keyring for each of the distribution's suites, ``neve.toml`` the mirror's address.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.archive import (
    ArchiveBuilder,
    Deb,
    Link,
    Member,
    Regular,
    Server,
    SigningKey,
    make_deb,
)

SUITES = {"trixie": "Debian", "trixie-updates": "Debian", "trixie-security": "Debian-Security"}
ARCHITECTURES = ("amd64", "arm64")
KEYRING = "corp.pgp"
HOUR = 3600

OS_RELEASE = b'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n'

RECIPE = """\
name: small
distribution: debian
release: "13"
repositories:
  - {name: main, suite: trixie, keyring: corp.pgp}
  - {name: updates, suite: trixie-updates, keyring: corp.pgp}
  - {name: security, suite: trixie-security, keyring: corp.pgp}
packages: [tool, plain]
variants:
  debug: {packages: [inspector]}
"""
"""``tool`` has a setuid file, documentation, an account and a library; ``plain`` has no script."""


def small_packages() -> list[Deb]:
    """Packages with and without maintainer scripts, on two architectures."""
    found: list[Deb] = []
    for architecture in ARCHITECTURES:
        found += _native(architecture)
    found.append(
        make_deb(
            "plain",
            architecture="all",
            files={
                "usr/share/plain/table.txt": b"1\t2\n" * 4000,
                "usr/share/doc/plain/copyright": b"Public domain.\n",
                "usr/share/doc/plain/README.gz": b"read me",
                "usr/share/locale/de/LC_MESSAGES/plain.mo": b"de",
            },
        )
    )
    found.append(
        make_deb("riddle", architecture="all", scripts={"postinst": "#!/bin/sh\nconjure --all\n"})
    )
    return found


def _native(architecture: str) -> list[Deb]:
    """What exists once an architecture; contents differ, as compiled programs do."""
    mark = f"program for {architecture}\n".encode()
    bulk = b"".join(f"{architecture} {number * 7919}\n".encode() for number in range(60_000))
    base: dict[str, Member] = {
        "usr/lib/os-release": OS_RELEASE,
        "etc/os-release": Link("../usr/lib/os-release"),
        "etc/debian_version": b"13.0\n",
        "etc/issue": b"Debian\n",
        "bin": Link("usr/bin"),
        "sbin": Link("usr/sbin"),
        "lib": Link("usr/lib"),
        "usr/share/doc/base-files/copyright": b"GPL\n",
    }
    tool: dict[str, Member] = {
        "usr/bin/tool": Regular(mark, 0o755),
        "usr/bin/become-root": Regular(mark, 0o4755),
        "usr/lib/tool/helper": Regular(mark + b"helper", 0o755),
        "etc/tool.conf": b"level = 1\n",
        "usr/share/man/man1/tool.1.gz": b"manual",
        "usr/share/doc/tool/copyright": b"MIT\n",
        "usr/share/doc/tool/changelog.gz": b"changes",
        "usr/share/tool/data.bin": bulk,
    }
    library: dict[str, Member] = {
        "usr/lib/libsmall.so.1.0": Regular(mark + bulk[::-1], 0o644),
        "usr/lib/libsmall.so.1": Link("libsmall.so.1.0"),
        "usr/share/doc/libsmall1/copyright": b"MIT\n",
    }
    return [
        make_deb("base-files", "13", architecture, files=base),
        make_deb(
            "tool",
            "1:2.0-1",
            architecture,
            files=tool,
            fields={"Depends": "libsmall1 (>= 1), dash", "Source": "toolbox (2.0-1)"},
            scripts={
                "conffiles": "/etc/tool.conf\n",
                "postinst": "#!/bin/sh\nset -e\n"
                "adduser --system --group --home /var/lib/tool tool\nmkdir -p /var/lib/tool\n",
            },
        ),
        make_deb("libsmall1", "1.0", architecture, files=library),
        make_deb(
            "dash", "0.5", architecture, files={"usr/bin/dash": Regular(b"dash, a " + mark, 0o755)}
        ),
        make_deb(
            "inspector",
            "3.1",
            architecture,
            files={"usr/bin/inspect": Regular(b"inspecting " + mark, 0o755)},
            fields={"Depends": "libsmall1"},
        ),
        make_deb(
            "shelled",
            "1",
            architecture,
            files={"usr/bin/shelled": Regular(b"#!/bin/sh\nexec true\n", 0o755)},
            fields={"Depends": "dash"},
        ),
    ]


def publish(
    archive: ArchiveBuilder,
    key: SigningKey,
    *,
    date: int | None = None,
    components: Sequence[str] = ("main",),
) -> None:
    """Sign all of the distribution's suites; packages without a suite of their own are in main."""
    now = int(time.time()) - HOUR if date is None else date
    for suite, label in SUITES.items():
        archive.publish(
            suite,
            key=key,
            date=now,
            valid_until=now + 7 * 24 * HOUR,
            origin="Debian",
            label=label,
            components=components,
            listed=("", ".xz"),
            compressions=(".xz",),
        )


@dataclass(frozen=True)
class Mirror:
    """An archive's builder, its key and the server that shows it."""

    archive: ArchiveBuilder
    key: SigningKey
    server: Server


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it wrote to stdout, as JSON."""
        return json.loads(self.out)


@dataclass
class Desk:
    """A directory with a recipe, settings and a store, and the command to work there."""

    directory: Path
    server: Server
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def lay(cls, directory: Path, server: Server, key: SigningKey, *, recipe: str = RECIPE) -> Desk:
        """A desk with ``recipe`` as ``neve.yaml`` and ``server`` as every mirror."""
        directory.mkdir(parents=True, exist_ok=True)
        desk = cls(directory, server)
        desk.write("neve.yaml", recipe)
        (directory / KEYRING).write_bytes(key.public)
        desk.point_at(server.url)
        home = directory / "home"
        home.mkdir(exist_ok=True)
        desk.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "NEVE_STORE": str(directory / "store"),
        }
        return desk

    def point_at(self, url: str, *, snapshot: str | None = None) -> None:
        """Settings with ``url`` as the mirror of everything, and the snapshot service."""
        self.write(
            "neve.toml",
            f'[mirrors]\ndebian = "{url}"\ndebian-security = "{url}"\n'
            f'snapshot = "{snapshot or url}"\n',
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file of the desk."""
        path = self.directory / name
        path.write_text(text)
        return path

    def store(self, name: str) -> Path:
        """Use another store from now on."""
        path = self.directory / name
        self.environment["NEVE_STORE"] = str(path)
        return path

    def neve(
        self,
        *arguments: str | Path,
        expect: int | None = 0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        wrapped: Sequence[str] = (),
        timeout: float = 120,
    ) -> Done:
        """Run ``neve`` with ``arguments``; fail with its words unless it exits as expected."""
        done = subprocess.run(
            [*wrapped, *command(*arguments)],
            cwd=cwd or self.directory,
            env={**self.environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if expect is not None and done.returncode != expect:
            raise AssertionError(
                f"neve {' '.join(map(str, arguments))} exited {done.returncode}, not {expect}\n"
                f"{done.stdout}\n{done.stderr}"
            )
        return Done(done.returncode, done.stdout, done.stderr)

    def build(self, output: str = "out", *more: str | Path, **options: Any) -> str:
        """Build into ``output`` (replacing it) and return the root digest."""
        shutil.rmtree(self.directory / output, ignore_errors=True)
        done = self.neve(
            "build", "-o", self.directory / output, "--format", "json", *more, **options
        )
        return str(done.document["root"])


def command(*arguments: str | Path) -> list[str]:
    """The command line that runs this checkout's ``neve``."""
    return [sys.executable, "-m", "neve", *map(str, arguments)]
