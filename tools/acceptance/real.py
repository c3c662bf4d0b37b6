"""Real installations: mmdebstrap with every maintainer script run, as manifests."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from tools.acceptance.manifest import Manifest, read_root

_COMPONENT = "main"


class Installer:
    """Installs package sets; manifests are kept in ``cache`` by what was installed."""

    def __init__(self, scratch: Path, cache: Path | None) -> None:
        self._scratch = scratch
        self._cache = cache or scratch / "manifests"
        self._cache.mkdir(parents=True, exist_ok=True)

    def manifest(self, codename: str, packages: tuple[str, ...]) -> Manifest:
        """What installing ``packages`` (``name=version``) over the Essential ones leaves."""
        words = "\n".join((codename, *sorted(packages)))
        kept = self._cache / f"{codename}-{hashlib.sha256(words.encode()).hexdigest()[:24]}.json"
        if not kept.exists():
            root = self._scratch / "root"
            subprocess.run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--mode=root",
                    "--variant=essential",
                    "--architectures=amd64",
                    "--dpkgopt=force-unsafe-io",
                    *([f"--include={','.join(packages)}"] if packages else []),
                    codename,
                    str(root),
                ],
                input=_sources(codename),
                text=True,
                check=True,
                timeout=1800,
            )
            read_root(root).dump(kept)
            subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)
        return Manifest.load(kept)


def _sources(codename: str) -> str:
    """The suites that neve reads too, from where this machine's apt gets them."""
    from neve.archive import Mirrors
    from neve.distro import find_distro

    release = find_distro("debian", codename)
    mirrors = Mirrors.of_host(overrides={}, repositories={}, release=release)
    lines = []
    for suite in release.suites:
        if suite.default:
            url = mirrors.urls(suite.alias, "amd64")[0]
            keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
            lines.append(f"deb [signed-by={keyring}] {url} {suite.suite} {_COMPONENT}\n")
    return "".join(lines)
