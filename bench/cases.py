"""What is measured: each case is a comparison in one run and the target it has to meet."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.measure import Contestant, Result, compare, neve
from bench.repull import bytes_after_update

CATALOGUE = "catalogue/debian-13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured line. ``ratio`` is the peer's time over neve's, where there is a peer."""

    case: str
    name: str
    seconds: float | None = None
    peak_mb: float | None = None
    bytes: int | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    def document(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self)


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text."""
    lines = [f"{'case':28} {'what':34} {'median':>9} {'peak':>8} {'ratio':>7}  target"]
    for row in rows:
        median = f"{row.seconds:.3f} s" if row.seconds is not None else ""
        if row.bytes is not None:
            median = f"{row.bytes / 1e6:.1f} MB"
        peak = f"{row.peak_mb:.0f} MB" if row.peak_mb is not None else ""
        ratio = f"{row.ratio:.2f}×" if row.ratio is not None else ""
        mark = {True: " met", False: " MISSED", None: ""}[row.met]
        lines.append(
            f"{row.case:28} {row.name:34} {median:>9} {peak:>8} {ratio:>7}  {row.target}{mark}"
        )
    return "\n".join(lines)


def _row(case: str, result: Result, **more: object) -> Row:
    values: dict[str, object] = {
        "case": case,
        "name": result.name,
        "seconds": round(result.seconds, 4),
        "peak_mb": round(result.peak / 1e6, 1),
        **more,
    }
    return Row(**values)  # type: ignore[arg-type]  # the keys are the dataclass's own


def _fresh(path: Path) -> Callable[[], None]:
    def prepare() -> None:
        shutil.rmtree(path, ignore_errors=True)

    return prepare


def _packages(recipe: str, folder: Path) -> list[str]:
    """The packages that neve's image of ``recipe`` holds, so that peers install the same."""
    lock = folder / "peer.lock"
    subprocess.run(
        [neve(), "lock", recipe, "-o", str(lock), "--quiet", "--store", str(folder / "peer")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    document = json.loads(lock.read_bytes())
    return sorted({package["name"] for package in document["packages"]})


def _mmdebstrap(name: str, variant: str, packages: Sequence[str], folder: Path) -> Contestant:
    target = folder / f"{name}.tar"
    argv = [
        "mmdebstrap",
        "--quiet",
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        "--aptopt=APT::Install-Recommends false",
        "trixie",
        str(target),
    ]
    return Contestant(name=name, argv=[*argv, *_mirrors()])


def _mirrors() -> list[str]:
    """The archive as this machine's apt is set up to reach it: the mirror neve uses too."""
    from neve.archive import Mirrors
    from neve.distro import find_distro

    mirrors = Mirrors.of_host(release=find_distro("debian", "13"))
    return [f"deb {mirrors.urls('debian', 'amd64')[0]} trixie main"]


def _cold(recipe: str, folder: Path, name: str = "neve, everything cold") -> Contestant:
    store, out = folder / "store", folder / "out"

    def prepare() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)

    argv = [neve(), "build", recipe, "-o", str(out), "--store", str(store), "--quiet"]
    return Contestant(name=name, argv=argv, prepare=prepare)


def cold_python(folder: Path, rounds: int) -> list[Row]:
    """The python image from nothing, against mmdebstrap on the same packages."""
    recipe = f"{CATALOGUE}/python.yaml"
    packages = _packages(recipe, folder)
    plain = _without_bytecode(recipe, folder)
    own, without, minbase, extract = compare(
        [
            _cold(recipe, folder),
            _cold(str(plain), folder, "neve, without bytecode"),
            _mmdebstrap("mmdebstrap minbase", "minbase", packages, folder),
            _mmdebstrap("mmdebstrap extract", "extract", packages, folder),
        ],
        rounds=rounds,
    )
    case = "python, cold"
    return [
        _row(case, own),
        _row(case, without),
        _against(case, minbase, own, 5.0),
        _against(case, extract, own, 2.0),
    ]


def _without_bytecode(recipe: str, folder: Path) -> Path:
    """The same recipe without byte-compiling, which no peer does: what unpacking alone costs."""
    from neve.verbs.places import find_recipe

    copy = folder / "plain" / "python.yaml"
    copy.parent.mkdir()
    copy.write_text(find_recipe(recipe).recipe.read_text("utf-8") + "bytecode: false\n")
    return copy


def cold_postgres(folder: Path, rounds: int) -> list[Row]:
    """The postgres image from nothing, against mmdebstrap's extract variant."""
    recipe = f"{CATALOGUE}/postgres.yaml"
    packages = _packages(recipe, folder)
    own, extract = compare(
        [
            _cold(recipe, folder),
            _mmdebstrap("mmdebstrap extract", "extract", packages, folder),
        ],
        rounds=rounds,
    )
    return [_row("postgres, cold", own), _against("postgres, cold", extract, own, 2.0)]


def _against(
    case: str, peer: Result, own: Result, factor: float, *, of: Result | None = None
) -> Row:
    """How much faster neve is than ``peer``, on the line of the peer or of ``of``."""
    ratio = peer.seconds / own.seconds
    return _row(
        case,
        of or peer,
        ratio=round(ratio, 2),
        target=f"neve ≥ {factor:g}× faster",
        met=ratio >= factor,
    )


def from_lock(folder: Path, rounds: int) -> list[Row]:
    """Builds from a lock: with only packages on disk against the bare bytes, and warm."""
    recipe, lock = _locked_copy("python", folder)
    base = folder / "packages"
    _neve("build", recipe, "-o", folder / "first", "--store", base)
    packages = _blobs(lock, base)
    store, out = folder / "store", folder / "out"

    def only_packages() -> None:
        for path in (store, out):
            shutil.rmtree(path, ignore_errors=True)
        for blob in packages:
            target = store / blob.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(blob, target)

    build = [neve(), "build", str(recipe), "--quiet", "--offline"]
    plain = _without_bytecode(f"{CATALOGUE}/python.yaml", folder)
    _neve("lock", plain, "--store", folder / "lock-store")
    quiet = [neve(), "build", str(plain), "--quiet", "--offline"]
    cold, without, bare, warm = compare(
        [
            Contestant(
                name="neve, packages on disk",
                argv=[*build, "-o", str(out), "--store", str(store)],
                prepare=only_packages,
            ),
            Contestant(
                name="neve, the same without bytecode",
                argv=[*quiet, "-o", str(out), "--store", str(store)],
                prepare=only_packages,
            ),
            Contestant(
                name="bare inflate and hash",
                argv=[sys.executable, "-m", "bench.limit", *map(str, packages)],
            ),
            Contestant(
                name="neve, warm",
                argv=[*build, "-o", str(folder / "warm"), "--store", str(base)],
                prepare=_fresh(folder / "warm"),
            ),
        ],
        rounds=max(rounds, 5),
    )
    bound = 1.3 * bare.seconds + 0.5
    return [
        _row("from the lock", bare),
        _row(
            "from the lock",
            cold,
            ratio=round(cold.seconds / bare.seconds, 2),
            target=f"≤ 1.3 × bare + 0.5 s = {bound:.2f} s",
            met=cold.seconds <= bound,
        ),
        _row("from the lock", without, ratio=round(without.seconds / bare.seconds, 2)),
        _row(
            "from the lock",
            warm,
            target="≤ 0.25 s and ≤ 120 MB",
            met=warm.seconds <= 0.25 and warm.peak <= 120e6,
        ),
    ]


def warm_lock(folder: Path, rounds: int) -> list[Row]:
    """Locking with indexes in the store; they are verified again."""
    recipe, _ = _locked_copy("python", folder)
    store = folder / "store"
    _neve("lock", recipe, "--store", store)
    argv = [neve(), "lock", str(recipe), "--update", "--quiet", "--store", str(store)]
    (result,) = compare(
        [Contestant(name="neve lock, warm indexes", argv=argv)], rounds=max(rounds, 5)
    )
    return [_row("lock", result, target="≤ 1 s", met=result.seconds <= 1.0)]


def start(folder: Path, rounds: int) -> list[Row]:
    """What ``neve --help`` costs beyond a bare interpreter."""
    del folder
    help_, bare = compare(
        [
            Contestant(name="neve --help", argv=[neve(), "--help"]),
            Contestant(name="python -c pass", argv=[sys.executable, "-c", "pass"]),
        ],
        rounds=max(rounds, 9),
    )
    cost = help_.seconds - bare.seconds
    return [
        _row("start", bare),
        _row("start", help_, target="≤ 0.15 s over the interpreter", met=cost <= 0.15),
    ]


def repull(folder: Path, rounds: int) -> list[Row]:
    """Bytes a host pulls again over the catalogue after one libssl update."""
    del rounds
    found = bytes_after_update(folder, "libssl3t64")
    case = "libssl update, catalogue"
    return [
        Row(case=case, name="layers as neve makes them", bytes=found.layered),
        Row(case=case, name="one layer per image", bytes=found.whole),
    ]


def inspect(folder: Path, rounds: int) -> list[Row]:
    """Any image of several layers: its packages against syft, every depth against bare reading."""
    from bench.looking import measure

    found, inflated = measure(folder, rounds)
    bare, second = found["bare"], found["second look"]
    case = f"image of {inflated / 1e6:.0f} MB"
    rows = [
        _row(case, found["syft"]),
        _row(case, bare),
        _against(case, found["syft"], found["packages"], 5.0, of=found["packages"]),
    ]
    for depth, factor in (("inventory", 2.0), ("full", 5.0)):
        ratio = found[depth].seconds / bare.seconds
        met = ratio <= factor and found[depth].peak <= 300e6
        target = f"≤ {factor:g} × bare and ≤ 300 MB"
        rows.append(_row(case, found[depth], ratio=round(ratio, 2), target=target, met=met))
    share = second.seconds / found["full"].seconds
    target = "the new layer's cost: ≤ 0.5 × full"
    rows.append(_row(case, second, ratio=round(share, 2), target=target, met=share <= 0.5))
    return rows


def scan(folder: Path, rounds: int) -> list[Row]:
    """A thousand packages against the full index."""
    from bench.scanning import measure

    matched, whole, peak = measure(folder, rounds)
    case = "scan of 1,000 packages"
    target = "≤ 0.3 s after start"
    return [
        Row(case=case, name="match", seconds=round(matched, 4), target=target, met=matched <= 0.3),
        Row(case=case, name="neve scan, whole", seconds=round(whole, 4), peak_mb=round(peak / 1e6)),
    ]


def _locked_copy(name: str, folder: Path) -> tuple[Path, Path]:
    from neve.verbs.places import find_recipe

    place = find_recipe(f"{CATALOGUE}/{name}.yaml")
    for path in place.recipe.parent.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)
    recipe = folder / place.recipe.name
    _neve("lock", recipe, "--store", folder / "lock-store")
    return recipe, folder / f"{recipe.stem}.lock"


def _blobs(lock: Path, store: Path) -> list[Path]:
    document = json.loads(lock.read_bytes())
    digests = sorted({package["digest"].split(":")[1] for package in document["packages"]})
    paths = [store / "blobs" / "sha256" / value[:2] / value for value in digests]
    return [path for path in paths if path.is_file()]


def _neve(*words: object) -> None:
    subprocess.run([neve(), *map(str, words), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def services(folder: Path, rounds: int) -> list[Row]:
    """Container start until every service runs, and what supervising costs."""
    from bench.services import measure

    measured, sizes = measure(folder, rounds)
    rows = []
    for own in (one for one in measured if one.name == "s6"):
        peer = next(one for one in measured if (one.name, one.count) == ("supervisord", own.count))
        for one in (own, peer):
            ratio = peer.seconds / own.seconds if one is own else None
            better = own.seconds < peer.seconds and own.memory < peer.memory
            rows.append(
                Row(
                    case=f"services-{own.count}",
                    name=f"{one.name}, {one.processes} processes",
                    seconds=round(one.seconds, 4),
                    peak_mb=round(one.memory / 1e6, 2),
                    ratio=round(ratio, 2) if ratio is not None else None,
                    target="faster and smaller than supervisord" if one is own else "",
                    met=better if one is own else None,
                )
            )
    rows += [Row(case="services-size", name=name, bytes=size) for name, size in sizes.items()]
    return rows


CASES: dict[str, Callable[[Path, int], list[Row]]] = {
    "start": start,
    "cold-python": cold_python,
    "cold-postgres": cold_postgres,
    "from-lock": from_lock,
    "warm-lock": warm_lock,
    "repull": repull,
    "services": services,
    "inspect": inspect,
    "scan": scan,
}
