"""`make accept`: trees that neve makes against real installations, path by path.

For every catalogue image and ten others: the tree before pruning (all packages of the closure,
effects applied) is compared with what mmdebstrap installs with all scripts run, an
Essential-only root subtracted. What differs must match one of the exceptions below, each with
its cause. Writes one dated JSON a image into tests/acceptance/. Run it as root.

    tools/accept.py [--only NAME[,NAME…]] [--cache DIR] [--mirror URL]
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from tools.acceptance import compare, images, made, real  # noqa: E402

OUTPUT = ROOT / "tests" / "acceptance"


def main() -> int:
    """Compare the images asked for; exit code 1 where a difference has no cause."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default="", help="images, as debian-13/python, by comma")
    parser.add_argument("--cache", type=Path, help="keep real installations' manifests here")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    chosen = [image for image in images.all_images() if not wanted or image.name in wanted]
    options.output.mkdir(parents=True, exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="neve-accept-") as scratch:
        maker = made.Maker(Path(scratch))
        installer = real.Installer(Path(scratch), options.cache)
        for image in chosen:
            failures += not judge(image, maker, installer, options.output)
    return 1 if failures else 0


def judge(image: images.Image, maker: made.Maker, installer: real.Installer, output: Path) -> bool:
    """Compare one image and write its report; whether every difference has a cause."""
    packages, tree = maker.tree(image)
    if isinstance(tree, str):
        print(f"{image.name:32} not made: {tree}")
        return False
    essential = installer.manifest(image.codename, ())
    installed = installer.manifest(image.codename, tuple(packages))
    result = compare.compare(tree, installed, essential)
    report = {
        "image": image.name,
        "codename": image.codename,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "requests": list(image.requests),
        "packages": packages,
        "compared": result.compared,
        "exceptions": result.exceptions,
        "differences": result.differences,
    }
    path = output / f"{image.name.replace('/', '-')}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
    print(
        f"{image.name:32} {result.compared:6} paths  {len(result.exceptions):2} exceptions  "
        f"{len(result.differences)} unexplained",
        flush=True,
    )
    for difference in result.differences[:12]:
        print(f"    {difference}")
    return not result.differences and len(result.exceptions) <= compare.MAX_EXCEPTIONS


if __name__ == "__main__":
    sys.exit(main())
