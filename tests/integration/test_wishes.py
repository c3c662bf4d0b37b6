"""Wishes on real images: data of a volume survives a change of image, a usual request is minutes
from a tested image, and a price is what the next lock shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.certificates import make_certificate
from tests.support.images import Image, Works

from neve.contract.rootfs import materialise

pytestmark = pytest.mark.integration

TWO_MINUTES = 120
DATA = "/var/lib/postgresql"
BEFORE = """\
name: before
extends: catalogue:debian-13/postgres
accounts: {users: {database: {uid: 999, gid: 999}}}
run: {user: database}
"""
AFTER = """\
name: after
extends: catalogue:debian-13/postgres
accounts:
  users:
    postgres: {ids: upstream}
run: {user: postgres}
"""


def start(
    root: Path,
    volume: Path,
    owner: str,
    *command: str,
    given: str = "",
    passwd: Path | None = None,
) -> tuple[int, str]:
    """Run a program of an image as the account that its configuration names, as an engine would:
    read-only root, the volume mounted, nothing of root's rights. ``passwd`` stands for the image's.
    """
    uid, gid = owner.split(":")
    argv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    argv += ["bwrap", "--unshare-user", "--uid", uid, "--gid", gid, "--unshare-pid", "--clearenv"]
    argv += ["--ro-bind", str(root), "/"]
    argv += ["--ro-bind", str(passwd or root / "etc/passwd"), "/etc/passwd"]
    argv += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    argv += ["--tmpfs", "/run/postgresql", "--bind", str(volume), DATA, "--setenv", "LANG", "C"]
    argv += ["--setenv", "PATH", "/usr/lib/postgresql/17/bin:/usr/bin", *command]
    done = subprocess.run(
        argv, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def ask(
    root: Path, volume: Path, owner: str, statement: str, *, passwd: Path | None = None
) -> tuple[int, str]:
    """One statement to a single-user server on the volume's data."""
    server = ("postgres", "--single", "-D", f"{DATA}/data", "postgres")
    return start(root, volume, owner, *server, given=f"{statement}\n", passwd=passwd)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that an account without rights gets into; pytest's own ones are closed."""
    folder = Path(tempfile.mkdtemp(prefix="neve-volume-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def laid_out(image: Image, folder: Path) -> Path:
    folder.mkdir(mode=0o755)
    materialise(image.tree, image.bytes_of, folder)
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")
@pytest.mark.skipif(
    shutil.which("bwrap") is None or shutil.which("setpriv") is None, reason="no bubblewrap"
)
def test_data_of_a_volume_survives_a_change_of_image(works: Works, place: Path) -> None:
    before, after = works.made("before", BEFORE), works.made("after", AFTER)
    assert before.settings["User"] == after.settings["User"] == "999:999"
    where = after.entry(DATA)
    assert (where.uid, where.gid) == (999, 999)

    volume = place / "volume"
    volume.mkdir(mode=where.mode)
    os.chown(volume, where.uid, where.gid)  # as an engine makes an empty volume
    old, new = laid_out(before, place / "old"), laid_out(after, place / "new")
    if start(old, volume, "999:999", "/usr/lib/postgresql/17/bin/postgres", "--version")[0] != 0:
        pytest.skip("this machine gives no user namespaces to accounts without rights")
    status, said = start(old, volume, "999:999", "initdb", "-D", f"{DATA}/data")
    assert status == 0, said
    status, said = ask(old, volume, "999:999", "create table kept as select 40 + 2 as answer")
    assert status == 0, said
    shutil.rmtree(old)

    status, said = ask(new, volume, "999:999", "select answer from kept")
    assert status == 0, said
    assert 'answer = "42"' in said

    known = place / "passwd"
    known.write_text("nonroot:x:65532:65532::/:/usr/sbin/nologin\n")
    known.chmod(0o644)
    status, said = ask(new, volume, "65532:65532", "select answer from kept", passwd=known)
    assert status != 0, "an account of another number gets at the data"
    assert "Permission denied" in said


CONTRACT = """\
schema_version: 1
runs_as: 65532
shell: absent
files:
  /usr/bin/python3: present
commands:
  - name: it runs
    command: [python3, -c, '{code}']
    stdout: {{equals: "True"}}
"""
REQUESTS = {
    "a CA": (
        ("cert", "corp.pem"),
        'import ssl; print("Corp Root" in str(ssl.create_default_context().get_ca_certs()))',
    ),
    "a package": (("package", "python3-requests"), "import requests; print(True)"),
    "a second process": (
        ("service", "job", "--", "/usr/bin/python3", "-c", "import time; time.sleep(99)"),
        'import os; print(os.path.isdir("/usr/lib/services"))',
    ),
    "a debug tool": (("debug", "strace"), "print(True)"),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_usual_request_is_minutes_from_a_tested_image(
    works: Works, tmp_path: Path, request_name: str
) -> None:
    """One command, three lines, and every word of the way as a person types it."""
    words, code = REQUESTS[request_name]
    home = tmp_path / "app"
    home.mkdir()
    (home / "corp.pem").write_bytes(make_certificate("Corp Root").pem)
    (home / "contract.yaml").write_text(CONTRACT.format(code=code))
    recipe = home / "neve.yaml"
    began = time.monotonic()
    works.neve("init", "--kind", "python", home)
    if words[0] == "service":
        recipe.write_text(
            recipe.read_text().replace("entrypoint:", "#").replace('command: ["-m", app]', "")
        )
    dashes = words.index("--") if "--" in words else len(words)
    here = (*words[:1], *(home / w if w == "corp.pem" else w for w in words[1:dashes]))
    shown = works.neve("add", *here, "--recipe", recipe, *words[dashes:])
    added = [line for line in shown.out.splitlines() if line.startswith("+") and line[1:2] != "+"]
    assert len(added) <= 3, shown.out
    works.neve("lock", home)
    out = works.directory / f"out-{words[0]}"
    works.neve("build", home, "-o", out, "--platform", "linux/amd64")
    works.neve("test", out, "--contract", home / "contract.yaml")
    took = time.monotonic() - began
    print(f"{request_name}: one command, {len(added)} lines, tested after {took:.1f} s")
    assert took < TWO_MINUTES
    again = works.neve("add", *here, "--recipe", recipe, *words[dashes:])
    assert not any(line.startswith("+") for line in again.out.splitlines()), again.out


PRICED = """\
name: priced
distribution: debian
release: "13"
platforms: [linux/amd64]
packages: [ca-certificates, curl, python3, python3-requests, tzdata, zstd]
"""


def test_a_price_is_what_a_lock_without_the_line_lacks(works: Works) -> None:
    """The same archive, resolved anew without the line: the oracle is the resolver."""
    recipe = works.recipe("priced", PRICED)
    plan = works.neve("plan", recipe, "--costs", "--format", "json").document
    lines = {one["what"]: one for one in plan["costs"]["lines"]}
    whole = {package["name"]: package for package in plan["packages"]}
    assert plan["costs"]["whole"]["kept"] == plan["installed_size"]
    assert plan["costs"]["whole"]["files"] == plan["files"]
    assert lines["zstd"]["alone"]["packages"] > 0
    assert lines["python3"]["alone"]["packages"] == 0
    for name, line in lines.items():
        (recipe / "neve.yaml").write_text(
            PRICED.replace(f" {name},", "").replace(f"[{name}, ", "[").replace(f", {name}]", "]")
        )
        rest = works.neve("plan", recipe, "--format", "json").document
        gone = set(whole) - {package["name"] for package in rest["packages"]}
        assert set(line["packages"]) == gone, name
        alone = line["alone"]
        assert alone["download"] == sum(whole[one]["size"] for one in gone), name
        assert alone["files"] == plan["files"] - rest["files"], name
        assert alone["kept"] == plan["installed_size"] - rest["installed_size"], name
