"""OCI layout directories (image-spec, image-layout.md): written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from neve.errors import UsageError
from neve.model import Digest, Platform
from neve.oci.bundle import WholeImage
from neve.oci.exchange import take_place
from neve.oci.files import disk_errors, sync, workplace
from neve.oci.manifest import INDEX_TYPE, REF_NAME, Descriptor, render
from neve.oci.ports import BlobStore

LAYOUT_FILE = "oci-layout"
LAYOUT_DOCUMENT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX_FILE = "index.json"
_FICLONE = 0x40049409  # linux/fs.h
_MAX_INDEX = 16 * 1024 * 1024


def layout_index(
    bundle: WholeImage, tag: str, existing: list[dict[str, Any]] | None = None
) -> bytes:
    """``index.json``: the tagged image, its referrers, and what of ``existing`` stays.

    Referrers carry no tag, so that a tag has exactly one match. Of several platforms each also
    stands under ``TAG-ARCHITECTURE``: umoci (0.4.7) cannot choose inside an index. Those rows
    name no platform, which the index says already: syft counts an image once for each mention.
    """
    rows = [_tagged(bundle.root, tag)]
    if len(bundle.images) > 1:
        rows += [
            _tagged(replace(i.manifest, platform=None), platform_tag(tag, i.platform))
            for i in bundle.images
        ]
    rows += [row.document() for row in bundle.referrers]
    tags = {_tag_of(row) for row in rows} - {None}
    untagged = {row["digest"] for row in rows if _tag_of(row) is None}
    kept = [
        row
        for row in existing or []
        if _tag_of(row) not in tags and (_tag_of(row) is not None or row["digest"] not in untagged)
    ]
    return render({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [*kept, *rows]})


def platform_tag(tag: str, platform: Platform) -> str:
    """The tag of one platform of an image: ``latest-arm64``, ``latest-arm-v7``."""
    return "-".join(part for part in (tag, platform.architecture, platform.variant) if part)


def _tagged(row: Descriptor, tag: str) -> dict[str, Any]:
    return replace(row, annotations={**row.annotations, REF_NAME: tag}).document()


def _tag_of(row: dict[str, Any]) -> str | None:
    tag = (row.get("annotations") or {}).get(REF_NAME)
    return tag if isinstance(tag, str) else None


def write_layout(
    bundle: WholeImage, directory: Path, store: BlobStore, *, tag: str, merge: bool = False
) -> None:
    """Write ``bundle`` as the layout ``directory`` under ``tag``.

    What is there is replaced in one step if it is a layout or empty; with ``merge`` the other
    tags of the layout stay. Raises ``UsageError`` when it is something else, ``StoreError``
    when the disk refuses.
    """
    directory = Path(os.path.realpath(directory))
    existing = _existing(directory) if merge else None
    refuse_foreign(directory)
    parent = directory.parent
    with disk_errors(directory):
        parent.mkdir(parents=True, exist_ok=True)
        with workplace(directory) as work:
            fresh = work / "new"
            blobs = fresh / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            for data in bundle.documents.values():
                digest = store.put(data)
                place_blob(store.path(digest), blobs / digest.value)
            for layer in bundle.layers:
                place_blob(store.path(layer.digest), blobs / layer.digest.value)
            if existing is not None:  # last: what it holds under our names may be damaged
                _link_all(directory / "blobs" / "sha256", blobs)
            (fresh / LAYOUT_FILE).write_bytes(LAYOUT_DOCUMENT)
            (fresh / INDEX_FILE).write_bytes(layout_index(bundle, tag, existing))
            _finish([fresh / LAYOUT_FILE, fresh / INDEX_FILE], [blobs, blobs.parent, fresh])
            take_place(fresh, directory, work / "old")


def place_blob(source: Path, target: Path) -> None:
    """``source``'s bytes under ``target``: a clone where the file system can, else a hard link
    (both files are never written again), else a copy.
    """
    if target.exists() or _clone(source, target):
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o644)
        sync(target)


def _clone(source: Path, target: Path) -> bool:
    """Share the blocks copy-on-write (btrfs, XFS); says whether that worked."""
    try:
        import fcntl
    except ImportError:
        return False
    with source.open("rb") as there, target.open("xb") as here:
        try:
            fcntl.ioctl(here.fileno(), _FICLONE, there.fileno())
        except OSError:
            target.unlink()
            return False
        os.fchmod(here.fileno(), 0o644)
        os.fsync(here.fileno())
    return True


def _existing(directory: Path) -> list[dict[str, Any]] | None:
    """The descriptors of the layout at ``directory``, or ``None`` where there is none."""
    path = directory / INDEX_FILE
    if not path.exists():
        return None
    rows: object = None
    if path.stat().st_size <= _MAX_INDEX:
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(path.read_bytes())
            rows = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise UsageError(
            f"{path}: not the index of an OCI layout",
            resolution="Name another directory, or write without merging.",
        )
    return rows


def _is_row(row: object) -> bool:
    if not isinstance(row, dict):
        return False
    if not isinstance(row.get("annotations", {}), dict):
        return False
    try:
        Digest.parse(str(row.get("digest")))
    except ValueError:
        return False
    return True


def refuse_foreign(directory: Path) -> None:
    """Raise ``UsageError`` where ``directory`` is something that must not be replaced."""
    if not directory.exists():
        return
    if directory.is_dir() and ((directory / LAYOUT_FILE).is_file() or not any(directory.iterdir())):
        return
    raise UsageError(
        f"{directory}: there is something that is not an OCI layout",
        resolution="Name a new directory, or remove this one first.",
    )


def _finish(files: list[Path], directories: list[Path]) -> None:
    """Make all last. Syncing after the last change costs one journal commit, not one a file."""
    for path in files:
        path.chmod(0o644)
    for path in directories:
        path.chmod(0o755)
    for path in [*files, *directories]:
        sync(path)


def _link_all(source: Path, target: Path) -> None:
    """The blobs of the layout being merged into; they are its own files, so links are fine."""
    for path in sorted(source.iterdir()):
        if path.is_symlink() or not path.is_file() or (target / path.name).exists():
            continue
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)
