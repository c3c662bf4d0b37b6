"""OCI layouts written by hand, from whatever layers a test has."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

_OCI = "application/vnd.oci.image"


def write_layers(
    layout: Path, tars: Sequence[bytes], *, config: Mapping[str, object] | None = None
) -> Path:
    """An image of ``tars``, gzipped, tagged ``latest``; the layout's path."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, object]:
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}

    layers = [put(gzip.compress(tar, 1), f"{_OCI}.layer.v1.tar+gzip") for tar in tars]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars],
        },
        "history": [{"created_by": "test"} for _ in tars],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": put(json.dumps(document).encode(), f"{_OCI}.config.v1+json"),
        "layers": layers,
    }
    row = put(json.dumps(manifest).encode(), f"{_OCI}.manifest.v1+json")
    row["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [row]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout
