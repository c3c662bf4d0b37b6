"""Container start to ready with 1, 2 and 8 services, and the supervisor's memory, against
supervisord: the same programs, the same distribution, the same sandbox, taking turns.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import neve
from neve.contract.rootfs import materialise
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.sandbox.scratch import remove_tree
from neve.store import Store

COUNTS = (1, 2, 8)
_USER = 65532
_PROGRAM = "/usr/bin/sleep"
_SETTLE = 1.0
_RECIPE = """\
schema_version: 1
name: {name}
distribution: debian
release: "13"
platforms: [linux/amd64]
packages: [coreutils{packages}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``seconds`` from starting the container until every service runs; ``memory`` is the
    proportional set size in bytes of all its processes but the services themselves.
    """

    name: str
    count: int
    seconds: float
    memory: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """A laid-out root and what starts it."""

    name: str
    count: int
    root: Path
    argv: Sequence[str]
    size: int
    """Compressed bytes of the image."""


def services_recipe(count: int) -> str:
    """``count`` services under neve's own supervisor."""
    rows = "".join(f'  s{number}: {{command: [{_PROGRAM}, "100000"]}}\n' for number in range(count))
    return _RECIPE.format(name=f"s6-{count}", packages="") + f"services:\n{rows}"


def supervisord_recipe(count: int) -> str:
    """The same under supervisord."""
    lines = ["[supervisord]", "nodaemon=true", "logfile=/dev/null", "logfile_maxbytes=0"]
    lines += ["pidfile=/tmp/supervisord.pid", "user=65532"]
    for number in range(count):
        lines += [f"[program:s{number}]", f"command={_PROGRAM} 100000", "startsecs=0"]
        lines += ["stdout_logfile=/dev/stdout", "stdout_logfile_maxbytes=0"]
        lines += ["stderr_logfile=/dev/stderr", "stderr_logfile_maxbytes=0"]
    text = "".join(f"      {line}\n" for line in lines)
    files = f"files:\n  /etc/supervisord.conf:\n    content: |\n{text}"
    return _RECIPE.format(name=f"sup-{count}", packages=", supervisor") + files


def bare_recipe() -> str:
    """The image that both grow from."""
    return _RECIPE.format(name="bare", packages="")


_CONTESTANTS: tuple[tuple[str, Callable[[int], str], tuple[str, ...]], ...] = (
    ("s6", services_recipe, ("/usr/lib/services/init",)),
    (
        "supervisord",
        supervisord_recipe,
        ("/usr/bin/python3", "/usr/bin/supervisord", "-c", "/etc/supervisord.conf"),
    ),
)


def measure(folder: Path, rounds: int) -> tuple[list[Measured], dict[str, int]]:
    """Medians for every contestant and count, and the compressed size of each one's image."""
    with Store.open(folder / "reading") as store:
        made = [
            _made(store, folder, name, count, recipe(count), argv)
            for count in COUNTS
            for name, recipe, argv in _CONTESTANTS
        ]
        bare = _made(store, folder, "bare", 0, bare_recipe(), ())
    try:
        samples: dict[tuple[str, int], list[Measured]] = {}
        for _ in range(max(rounds, 3)):
            for one in made:
                samples.setdefault((one.name, one.count), []).append(_sample(one))
    finally:
        for one in (*made, bare):
            remove_tree(one.root)
    sizes = {one.name: one.size - bare.size for one in made if one.count == COUNTS[0]}
    return [_median(rows) for rows in samples.values()], sizes


def _median(rows: Sequence[Measured]) -> Measured:
    return Measured(
        name=rows[0].name,
        count=rows[0].count,
        seconds=statistics.median(row.seconds for row in rows),
        memory=int(statistics.median(row.memory for row in rows)),
        processes=rows[0].processes,
    )


def _made(
    store: Store, folder: Path, name: str, count: int, recipe: str, argv: Sequence[str]
) -> Supervised:
    place = folder / f"{name}-{count}"
    place.mkdir()
    (place / "neve.yaml").write_text(recipe)
    subprocess.run(
        [neve(), "build", str(place), "-o", str(place / "image"), "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    source = open_image(place / "image")
    tree = read_tree(source, store)

    root = place / "root"
    root.mkdir(mode=0o755)
    materialise(tree, store_reader(store), root)
    size = sum(path.stat().st_size for path in (place / "image/blobs").rglob("*"))
    for needed in ("proc", "dev", "run", "tmp"):
        (root / needed).mkdir(exist_ok=True)
    return Supervised(name=name, count=count, root=root, argv=argv, size=size)


@contextmanager
def _started(one: Supervised) -> Iterator[int]:
    """The bwrap process that runs ``one``."""
    options = ["--unshare-user", "--uid", str(_USER), "--gid", str(_USER), "--unshare-pid"]
    options += ["--as-pid-1", "--die-with-parent", "--unshare-net", "--ro-bind", str(one.root), "/"]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--tmpfs", "/tmp"]
    options += ["--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--chdir", "/"]
    process = subprocess.Popen(
        ["bwrap", *options, "--", *one.argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _sample(one: Supervised) -> Measured:
    began = time.perf_counter()
    with _started(one) as pid:
        while True:
            inside = _below(pid)
            running = [child for child in inside if _is_service(child)]
            if len(running) == one.count:
                break
            if time.perf_counter() - began > 30:
                raise SystemExit(f"bench: {one.name} did not start {one.count} services")
            time.sleep(0.002)
        seconds = time.perf_counter() - began
        time.sleep(_SETTLE)
        others = [child for child in _below(pid)[1:] if not _is_service(child)]
        memory = sum(_proportional(child) for child in others)
    return Measured(
        name=one.name, count=one.count, seconds=seconds, memory=memory, processes=len(others)
    )


def _below(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def _is_service(pid: int) -> bool:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()).endswith(_PROGRAM)
    except OSError:
        return False


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
