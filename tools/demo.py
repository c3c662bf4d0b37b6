"""``make demo``: the catalogue's Debian 13 Python image, built, tested and compared.

Builds from the live archive, runs the image's contract in the sandbox, and measures it beside a
plain Debian with the same packages, installed by mmdebstrap.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from neve.inventory.read import read_inventory
from neve.inventory.rootfs import open_tar
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.report.table import Column, size_text, table
from neve.store import Store, default_directory
from neve.surface import Surface, measure_surface, reduction

RECIPE = "catalogue/debian-13/python.yaml"
OUTPUT = Path("build-out/python")
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
    before = plain_surface()
    after = image_surface(OUTPUT)
    say("")
    show(before, after)
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


def plain_surface() -> Surface:
    """The surface of a minimal Debian with Python, its maintainer scripts run as usual."""
    with tempfile.TemporaryDirectory(prefix="neve-demo-") as scratch:
        archive = Path(scratch) / "plain.tar"
        program = shutil.which("mmdebstrap") or "mmdebstrap"
        run(
            [
                program,
                "--quiet",
                "--variant=minbase",
                f"--include={','.join(PLAIN)}",
                "--aptopt=APT::Install-Recommends false",
                "trixie",
                str(archive),
                *_mirrors(),
            ]
        )
        with open_tar(archive) as root:
            return measure_surface(read_inventory(root.tree, root.read))


def _mirrors() -> list[str]:
    """The mirror that neve itself uses on this machine."""
    from neve.archive import Mirrors
    from neve.distro import find_distro

    mirrors = Mirrors.of_host(release=find_distro("debian", "13"))
    return [f"deb {mirrors.urls('debian', 'amd64')[0]} trixie main"]


def image_surface(layout: Path) -> Surface:
    """The surface of the built image, read back from its layers."""
    with Store.open(default_directory(os.environ)) as store:
        tree = read_tree(open_image(layout), store)
        view = store_reader(store)
        return measure_surface(read_inventory(tree, lambda entry: bytes(view(entry))))


def show(before: Surface, after: Surface) -> None:
    """Both surfaces side by side, part by part, and the one number."""
    rows = []
    afterwards = {measure.part: measure.count for measure in after.measures}
    for measure in before.measures:
        count = afterwards[measure.part]
        if measure.count is None or count is None:
            continue  # needs an image's configuration, which a bare root file system has not
        text = size_text if measure.part.value == "bytes" else str
        share = f"{100 * (1 - count / measure.count):.0f} %" if measure.count else ""
        rows.append([measure.part.value, text(measure.count), text(count), share])
    columns = [
        Column(title="attack surface"),
        Column(title="plain Debian + Python", number=True),
        Column(title="neve", number=True),
        Column(title="less", number=True),
    ]
    say(table(columns, rows, width=100))
    smaller = reduction(before, after)
    number = "not known" if smaller is None else f"{100 * smaller:.0f} %"
    say(f"attack-surface reduction: {number}\n")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    (OUTPUT.parent / "demo.json").write_text(
        json.dumps({m.part.value: [m.count, afterwards[m.part]] for m in before.measures}) + "\n"
    )


if __name__ == "__main__":
    main()
