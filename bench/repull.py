"""How many bytes a host pulls again after one package was updated, over the whole catalogue.

The update is simulated on the built images: in each image with the package, the layers that hold
any of it change, and so does the image's own last layer, which holds the package database and
carries the new lock's time. Layers of other packages do not.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.measure import neve
from neve.verbs.places import catalogue_recipes


@dataclass(frozen=True, slots=True, kw_only=True)
class Repull:
    """Compressed bytes that change: by layer, and if each image were one layer."""

    layered: int
    whole: int


def bytes_after_update(folder: Path, package: str) -> Repull:
    """Build the Debian 13 catalogue and add up the layers that an update of ``package`` changes,
    each once.
    """
    changed: dict[str, int] = {}
    whole = 0
    for recipe in catalogue_recipes():
        if "debian-13/" not in recipe:
            continue
        out = folder / Path(recipe).stem
        subprocess.run(
            [neve(), "build", recipe, "-o", str(out), "--store", str(folder / "store"), "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        layers = _layers(out)
        if any(package in names for _, _, names in layers):
            own, own_size, _ = layers[-1]
            changed |= {digest: size for digest, size, names in layers if package in names}
            changed[own] = own_size
            whole += sum(size for _, size, _ in layers)
    return Repull(layered=sum(changed.values()), whole=whole)


def _layers(layout: Path) -> list[tuple[str, int, set[str]]]:
    def blob(digest: str) -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = json.loads(
            (layout / "blobs" / "sha256" / digest.split(":")[1]).read_bytes()
        )
        return found

    index = json.loads((layout / "index.json").read_bytes())
    tagged = next(
        row
        for row in index["manifests"]
        if "org.opencontainers.image.ref.name" in row.get("annotations", {})
    )
    manifest = blob(tagged["digest"])
    config = json.loads(
        (
            layout / "blobs" / "sha256" / str(manifest["config"]["digest"]).split(":")[1]  # type: ignore[call-overload]  # a manifest's config is an object
        ).read_bytes()
    )
    return [
        (
            row["digest"],
            int(row["size"]),
            set(history.get("created_by", "").replace(",", " ").split()),
        )
        for row, history in zip(manifest["layers"], config["history"], strict=True)
    ]
