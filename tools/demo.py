"""``make demo``: the catalogue's Debian 13 Python image, built, tested and compared.

Builds from the live archive, runs the image's contract in the sandbox, and compares it with a
plain Debian with the same packages, installed by mmdebstrap: as numbers, and as a page to show.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from neve.report.table import Column, size_text, table

RECIPE = "catalogue/debian-13/python.yaml"
OUTPUT = Path("build-out/python")
PAGE = OUTPUT.parent / "compared.html"
NUMBERS = OUTPUT.parent / "demo.json"
TAG = "neve-python:demo"
PLAIN = ("python3", "ca-certificates", "media-types", "netbase", "tzdata")


def main() -> None:
    """Run the demonstration; any step that fails ends it with that step's exit code."""
    neve = str(Path(sys.executable).parent / "neve")
    say(f"1. Building {RECIPE} from the signed archive")
    run([neve, "build", RECIPE, "-o", str(OUTPUT), "--tag", TAG])
    say("\n2. Running its contract as its own user on a read-only root")
    run([neve, "test", str(OUTPUT)])
    say("\n3. Installing the same Python on a plain Debian 13 (mmdebstrap), to compare")
    with tempfile.TemporaryDirectory(prefix="neve-demo-") as scratch:
        plain = str(plain_debian(Path(scratch) / "plain-debian-python.tar"))
        compare = [neve, "compare", "--quiet", plain, str(OUTPUT)]
        run([*compare, "--format", "html", "-o", str(PAGE)])
        run([*compare, "--format", "json", "-o", str(NUMBERS)])
    say("")
    show(json.loads(NUMBERS.read_text()))
    say(f"All of it as a page to show: {PAGE}\n")
    tag = TAG.rpartition(":")[2]
    say(f"The image is an OCI layout in {OUTPUT}. Run it with:\n")
    say(f"  podman run --rm -it oci:{OUTPUT}:{tag} -c 'import ssl; print(ssl.OPENSSL_VERSION)'")
    say(f"  skopeo copy oci:{OUTPUT}:{tag} docker-daemon:{TAG} && docker run --rm -it {TAG}")
    say(f"Ask it why something is there:  {os.path.relpath(neve)} why {OUTPUT} /etc/passwd")


def say(text: str) -> None:
    """Write a line at once, so that steps and their output keep their order."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(argv: list[str]) -> None:
    """Run a step and stop with its exit code if it fails."""
    result = subprocess.run(argv, check=False)
    if result.returncode != 0:
        raise SystemExit(result.returncode)


def plain_debian(archive: Path) -> Path:
    """A minimal Debian with Python, its maintainer scripts run as usual, as a tar."""
    run(
        [
            shutil.which("mmdebstrap") or "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(PLAIN)}",
            "--aptopt=APT::Install-Recommends false",
            "trixie",
            str(archive),
            *_mirrors(),
        ]
    )
    return archive


def _mirrors() -> list[str]:
    """The mirror that neve itself uses on this machine."""
    from neve.archive import Mirrors
    from neve.distro import find_distro

    mirrors = Mirrors.of_host(release=find_distro("debian", "13"))
    return [f"deb {mirrors.urls('debian', 'amd64')[0]} trixie main"]


def show(compared: dict[str, Any]) -> None:
    """Both surfaces side by side, part by part, and the one number."""
    rows = []
    for part in compared["parts"]:
        before, after = part["counts"]
        if before is None or after is None:
            continue  # needs an image's configuration, which a bare root file system has not
        text = size_text if part["part"] == "bytes" else str
        share = f"{100 * part['shares'][0]:.0f} %" if before else ""
        rows.append([part["part"], text(before), text(after), share])
    columns = [
        Column(title="attack surface"),
        Column(title="plain Debian + Python", number=True),
        Column(title="neve", number=True),
        Column(title="less", number=True),
    ]
    say(table(columns, rows, width=100))
    reduction = compared["differences"][0]["reduction"]
    number = "not known" if reduction is None else f"{100 * reduction:.0f} %"
    say(f"attack-surface reduction: {number}\n")


if __name__ == "__main__":
    main()
