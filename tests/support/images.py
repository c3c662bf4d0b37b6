"""Really built images: catalogue and own recipes, built once a session and read back.

The real ``neve`` command works against the distribution's archive in a store of its own, so that
nothing an earlier build left behind can answer for this one.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neve.attest.record import MEDIA_TYPE as RECORD_TYPE
from neve.attest.record import BuildRecord, read_record
from neve.model import Platform
from neve.oci.layout_source import open_image, read_attached
from neve.oci.read_tree import read_tree
from neve.oci.source import ImageSource
from neve.recipe.lock import Lock, LockedPackage
from neve.recipe.lockfile import load_lock
from neve.store import Store
from neve.tree import FileEntry, Inline, Tree
from tests.support.command import Done, command

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")


@dataclass(frozen=True)
class Image:
    """A built image as its layers say it, and what is attached to it."""

    path: Path
    platform: Platform
    source: ImageSource
    tree: Tree
    store: Store

    @property
    def configuration(self) -> dict[str, Any]:
        """The whole configuration document."""
        document: dict[str, Any] = json.loads(self.source.configuration)
        return document

    @property
    def settings(self) -> dict[str, Any]:
        """How the image runs."""
        settings: dict[str, Any] = self.configuration["config"]
        return settings

    def attached(self, artifact_type: str) -> bytes:
        """The document attached as ``artifact_type``."""
        data = read_attached(self.path, artifact_type, platform=self.platform)
        assert data is not None, artifact_type
        return data

    @property
    def record(self) -> BuildRecord:
        """The build record."""
        return read_record(self.attached(RECORD_TYPE))

    @property
    def lock(self) -> Lock:
        """The lock that the record carries."""
        return load_lock(json.dumps(self.record.lock).encode(), "the record's lock")

    @property
    def packages(self) -> list[LockedPackage]:
        """The lock's packages of this platform."""
        lock = self.lock
        (target,) = (t for t in lock.targets if t.platform == self.platform)
        return [lock.packages[index] for index in target.packages]

    def entry(self, path: str) -> FileEntry:
        """What stands at ``path``, links followed inside the image."""
        return self.tree.content_entry(self.tree[self.tree.resolve(path)])

    def read(self, path: str) -> bytes:
        """The bytes at ``path``."""
        return self.bytes_of(self.entry(path))

    def bytes_of(self, entry: FileEntry) -> bytes:
        """The bytes of a file or hard link."""
        content = self.tree.content_entry(entry).content
        assert content is not None, entry.path
        if isinstance(content, Inline):
            return content.data
        view = self.store.mapped(getattr(content, "source", content.digest))
        offset = getattr(content, "offset", 0)
        return bytes(view[offset : offset + content.size])


@dataclass
class Works:
    """A directory where images are built; each catalogue image once, in ``shared``, which other
    processes of the same test run use too.
    """

    directory: Path
    shared: Path
    reading: Store
    environment: dict[str, str]
    _read: dict[tuple[Path, Platform], Image] = field(default_factory=dict)

    @classmethod
    def open(cls, directory: Path, shared: Path, reading: Store) -> Works:
        """An empty workshop. How the caller reaches the archive stays: proxies, mirrors, CA."""
        own = {"NEVE_STORE": str(shared / "store"), "XDG_DATA_HOME": str(directory / "data")}
        environment = {**os.environ, **own}
        environment.pop("SOURCE_DATE_EPOCH", None)
        return cls(directory, shared, reading, environment)

    def catalogue(self, name: str, *platforms: Platform) -> Path:
        """The layout of a Debian 13 catalogue image."""
        wanted = platforms or (AMD64,)
        output = self.shared / "-".join((name, *map(str, wanted))).replace("/", "-")
        with output.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not output.exists():
                self.build(f"catalogue/debian-13/{name}.yaml", output, platforms=wanted)
        return output

    def recipe(self, name: str, text: str, files: Mapping[str, str | bytes] | None = None) -> Path:
        """A directory ``name`` with ``text`` as its ``neve.yaml`` and ``files`` beside it."""
        place = self.directory / "recipes" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "neve.yaml").write_text(text)
        for path, content in (files or {}).items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def build(
        self,
        recipe: str | Path,
        output: Path,
        *more: str,
        platforms: tuple[Platform, ...] = (AMD64,),
        expect: int = 0,
    ) -> Done:
        """Build ``recipe`` into ``output``."""
        chosen = [word for one in platforms for word in ("--platform", str(one))]
        return self.neve("build", recipe, "-o", output, *chosen, *more, expect=expect)

    def image(self, path: Path, platform: Platform = AMD64) -> Image:
        """The image at ``path``, read from its layers."""
        if (path, platform) not in self._read:
            source = open_image(path, platform=platform)
            tree = read_tree(source, self.reading)
            self._read[path, platform] = Image(path, platform, source, tree, self.reading)
        return self._read[path, platform]

    def made(self, name: str, text: str, files: Mapping[str, str | bytes] | None = None) -> Image:
        """The image of an own recipe, built anew."""
        output = self.directory / f"made-{name}"
        self.build(self.recipe(name, text, files), output)
        self._read.pop((output, AMD64), None)
        return self.image(output)

    def neve(self, *arguments: str | Path, expect: int = 0, timeout: float = 300) -> Done:
        """Run ``neve``; fail with its words unless it exits as expected."""
        done = subprocess.run(
            command(*arguments),
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != expect:
            raise AssertionError(
                f"neve {' '.join(map(str, arguments))} exited {done.returncode}, not {expect}\n"
                f"{done.stdout}\n{done.stderr}"
            )
        return Done(done.returncode, done.stdout, done.stderr)
