"""Scans of packages made by hand, against an index of small feeds in their upstream forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neve.inventory import OsRelease, Package
from neve.verbs.context import Workspace
from neve.verbs.progress import Silent
from neve.verbs.scan import ScanRequest, judge
from neve.verbs.scan_subject import ScanSubject
from neve.verbs.scan_vex import read_vex
from neve.verbs.scanned import ScanResult
from neve.verbs.settings import Settings
from neve.verbs.waivers import read_waivers
from neve.vulns.index import Index
from tests.unit.vulns.worlds import BOOKWORM, NOW

DIGEST = "sha256:" + "ab" * 32


def subject(
    *packages: Package,
    os_release: OsRelease = BOOKWORM,
    digests: tuple[str, ...] = (DIGEST,),
    unread: tuple[tuple[str, str], ...] = (),
    name: str = "registry.example/team/app:1",
) -> ScanSubject:
    """An image with these packages."""
    return ScanSubject(
        name=name,
        platform="linux/amd64",
        packages=packages,
        os_release=os_release,
        folder=Path(),
        digests=digests,
        names=frozenset((name, *digests)),
        unread=unread,
    )


def scanned(
    index: Path,
    image: ScanSubject,
    *,
    now: int = NOW,
    waivers: Path | None = None,
    vex: tuple[Path, ...] = (),
    **options: Any,
) -> ScanResult:
    """The scan of an image by an index, as of ``now``."""
    request = ScanRequest(subject=image.name, **options)
    with (
        Workspace(Settings(store=index.parent / "store"), Silent()) as workspace,
        Index.open(index) as opened,
    ):
        workspace.__dict__["clock"] = now
        return judge(
            request,
            image,
            opened,
            workspace,
            waivers=None if waivers is None else read_waivers(waivers),
            vex=read_vex(vex),
        )
