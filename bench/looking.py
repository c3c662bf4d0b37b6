"""Looking at images: a Debian image of several layers and well over 500 MB, against syft on the
same bytes, and against the bare cost of streaming, inflating and hashing them.

``python -m bench.looking MODE LAYOUT [STORE]`` is one run of one contestant: ``bare`` reads every
layer with the same reader and looks at nothing, the others read at that depth.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Contestant, Result, compare

MODES = ("bare", "packages", "inventory", "full")
_BASE = ("mmdebstrap", "--quiet", "--variant=minbase", "trixie")
_DOCKERFILE = """\
FROM scratch
ADD base.tar /
RUN apt-get update && apt-get install -y --no-install-recommends \
 default-jre-headless python3-numpy && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y --no-install-recommends \
 nodejs ruby php-cli postgresql-common perl && rm -rf /var/lib/apt/lists/*
"""
_ANOTHER = "FROM base\nRUN mkdir -p /srv/app && echo new > /srv/app/file\n"


def make_images(folder: Path) -> tuple[Path, Path]:
    """Two layouts: an image, and one with a layer more on the same ones."""
    context = folder / "context"
    context.mkdir()
    subprocess.run([*_BASE, str(context / "base.tar")], check=True)
    first, second = folder / "image", folder / "another"
    for name, text, layout in (("base", _DOCKERFILE, first), ("more", _ANOTHER, second)):
        (context / "Dockerfile").write_text(text)
        build = ["build", "--isolation", "chroot", "--network", "host", "--layers", "--pull-never"]
        _buildah(folder, *build, "-t", name, str(context))
        _buildah(folder, "push", name, f"oci:{layout}:latest")
    shutil.rmtree(folder / "storage")
    return first, second


def _buildah(folder: Path, *words: str) -> None:
    storage = folder / "storage"
    own = ["--root", str(storage / "root"), "--runroot", str(storage / "run")]
    argv = ["buildah", "--storage-driver", "vfs", *own, *words]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def contestants(first: Path, second: Path, folder: Path) -> Sequence[Contestant]:
    """Syft, the bare reading, the three depths, and a second look with one new layer."""
    syft = Path(sys.executable).parent / "syft"
    warm = folder / "warm"
    look = [sys.executable, "-m", "bench.looking"]
    subprocess.run([*look, "full", str(first), str(warm)], check=True, stdout=subprocess.DEVNULL)
    copy = folder / "copy"

    def fresh() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(warm, copy)

    return (
        Contestant(
            name=syft_name(syft),
            argv=[str(syft), "scan", f"oci-dir:{first}", "-q", "-o", "json"],
            environment={"SYFT_CHECK_FOR_APP_UPDATE": "false"},
        ),
        *(Contestant(name=f"neve, {mode}", argv=[*look, mode, str(first)]) for mode in MODES),
        Contestant(
            name="neve, full, one layer is new",
            argv=[*look, "full", str(second), str(copy)],
            prepare=fresh,
        ),
    )


def syft_name(syft: Path) -> str:
    """Syft with its version, as it names itself."""
    done = subprocess.run([str(syft), "version", "-o", "json"], capture_output=True, check=True)
    return f"syft {json.loads(done.stdout)['version']}"


def measure(folder: Path, rounds: int) -> tuple[dict[str, Result], int]:
    """Results by name, and how many bytes the image's layers inflate to."""
    first, second = make_images(folder)
    results = compare(contestants(first, second, folder), rounds=rounds)
    keys = ("syft", *MODES, "second look")
    return dict(zip(keys, results, strict=True)), read(first, "bare")


def read(layout: Path, mode: str, store: Path | None = None) -> int:
    """One reading; the inflated bytes."""
    from neve.inventory.layers import read_image
    from neve.inventory.types import Depth
    from neve.oci.layout_source import open_image
    from neve.oci.source import ReadLimits
    from neve.oci.stream import verify_layer

    source = open_image(layout)
    if mode == "bare":
        with ThreadPoolExecutor(2) as pool:
            return sum(
                pool.map(lambda layer: verify_layer(source, layer, ReadLimits()), source.layers)
            )
    cache = None
    if store is not None:
        from neve.store import Store

        cache = Store.open(store)
    found = read_image(source, depth=Depth(mode), cache=cache)
    return sum(layer.inflated for layer in found.layers)


if __name__ == "__main__":
    chosen, place, *rest = sys.argv[1:]
    sys.stdout.write(f"{read(Path(place), chosen, Path(rest[0]) if rest else None)}\n")
