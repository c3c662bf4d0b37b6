"""Looking into images with tools that are not in them, and variants as dpkg itself sees them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.command import command
from tests.support.images import Image, Works

from neve.errors import DeniedError
from neve.model import Pass
from neve.verbs.build import BuildRequest, build_image
from neve.verbs.context import Workspace
from neve.verbs.places import find_recipe
from neve.verbs.progress import Silent
from neve.verbs.settings import load_settings
from neve.verbs.verify import VerifyRequest, verify_image

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
]
LOOK = """\
schema_version: 1
name: look
distribution: debian
release: "13"
packages: [ca-certificates, libc6, tzdata]
variants:
  debug: {packages: [bash, coreutils, procps]}
"""


@pytest.fixture(scope="module")
def layouts(works: Works) -> tuple[Path, Path]:
    """The runtime image and its debug variant, of one lock."""
    place = works.recipe("look", LOOK)
    works.neve("lock", place)
    found = []
    for variant in ("runtime", "debug"):
        output = works.directory / f"look-{variant}"
        works.build(place, output, "--variant", variant)
        found.append(output)
    return found[0], found[1]


def debug(
    works: Works, *words: str | Path, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command("debug", *words),
        cwd=cwd or works.directory,
        env=works.environment,
        input=stdin,
        capture_output=True,
        timeout=120,
    )


def hashes(directory: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time and content of everything below ``directory``."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(data).hexdigest()
        found[str(path.relative_to(directory))] = (status.st_mode, status.st_mtime_ns, digest)
    return found


def unlinked(found: dict[str, tuple[int, int, str]]) -> dict[str, tuple[int, str]]:
    """``found`` without times: a layout's blobs are the store's too, which notes their last use."""
    return {path: (mode, digest) for path, (mode, _, digest) in found.items()}


def layers(image: Image) -> list[str]:
    return [str(layer.diff_id) for layer in image.source.layers]


def test_the_debug_variant_is_the_runtime_image_and_one_layer(
    works: Works, layouts: tuple[Path, Path]
) -> None:
    runtime, tools = (works.image(path) for path in layouts)
    assert layers(tools)[:-1] == layers(runtime)
    labels = tools.settings["Labels"]
    assert labels["io.neve.variant"] == "debug"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", labels["io.neve.expires"])
    assert "io.neve.variant" not in runtime.settings["Labels"]
    for key in ("User", "Entrypoint", "Cmd", "WorkingDir", "Env"):
        assert tools.settings.get(key) == runtime.settings.get(key)
    changed = [
        entry.path
        for entry in runtime.tree
        if tools.tree.get(entry.path) is None
        or runtime.tree.content_entry(entry).content
        != tools.tree.content_entry(tools.tree[entry.path]).content
    ]
    assert set(changed) <= {"/etc/ld.so.cache"}


def test_a_target_is_seen_by_its_own_user_and_stays_as_it_is(
    works: Works, layouts: tuple[Path, Path]
) -> None:
    before = unlinked(hashes(layouts[0]))
    script = "id -u; cd /target && stat -c %n etc/ssl; touch etc/x; touch /target/tmp/x; exit 7"
    done = debug(works, layouts[0], "--tools", layouts[1], "--", "bash", "-c", script)
    assert done.stdout.decode().splitlines() == ["65532", "etc/ssl"]
    assert done.stderr.count(b"Read-only file system") == 2
    assert done.returncode == 7
    assert unlinked(hashes(layouts[0])) == before


def test_a_directory_is_entered_where_it_lies_and_not_one_byte_changes(
    works: Works, layouts: tuple[Path, Path], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/app.conf").write_text("port = 80\n")
    (root / "etc/link").symlink_to("/etc/passwd")
    before = hashes(root)
    script = "cat etc/app.conf; rm -f etc/app.conf; echo x > etc/app.conf; chmod 0 etc; mkdir n; "
    script += "readlink etc/link; touch /tmp/mine && echo writable"
    done = debug(works, root, "--tools", layouts[1], "--root", stdin=f"{script}\n".encode())
    assert done.stdout.decode().splitlines() == ["port = 80", "/etc/passwd", "writable"]
    assert done.stderr.count(b"Read-only file system") == 4
    assert hashes(root) == before


def test_the_image_s_own_recipe_gives_the_tools(works: Works, layouts: tuple[Path, Path]) -> None:
    place = works.directory / "recipes" / "look"
    done = debug(works, layouts[0], "--print", "--format", "json", cwd=place)
    assert b'"neve.yaml (debug)"' in done.stdout
    done = debug(works, layouts[0], "--", "ps", "-o", "pid=,args=", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [b"1", b"ps", b"-o", b"pid=,args="]


def test_a_program_that_the_tools_lack_is_said(works: Works, layouts: tuple[Path, Path]) -> None:
    done = debug(works, layouts[0], "--tools", layouts[1], "--", "no-such-tool")
    assert done.returncode == 127
    assert b"no-such-tool" in done.stderr


def test_an_expired_variant_is_not_built_but_verified(works: Works) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    text = LOOK.replace("debug: {", f"debug: {{expires: {tomorrow:%Y-%m-%d}, ")
    place = works.recipe("old", text)
    works.neve("lock", place)
    output = works.directory / "old-debug"
    works.build(place, output, "--variant", "debug")
    expires = works.image(output).settings["Labels"]["io.neve.expires"]
    assert expires == f"{tomorrow:%Y-%m-%d}"

    settings = load_settings({}, environment=works.environment, directory=place)
    with Workspace(settings, Silent()) as workspace:
        workspace.clock = int((tomorrow + timedelta(days=1)).timestamp())
        wanted = BuildRequest(place=find_recipe(str(place)), variant="debug", output=output)
        with pytest.raises(DeniedError, match=rf"neve\.yaml:7:20: .* until {expires}"):
            build_image(wanted, workspace)
        build_image(replace(wanted, variant="runtime", output=place / "out"), workspace)
        result = verify_image(VerifyRequest(image=str(output), rebuild=True), workspace)
    assert [check for check in result.checks if not isinstance(check.verdict, Pass)] == []
    assert "rebuild" in {check.rule for check in result.checks}


ORACLE = """\
schema_version: 1
name: oracle
distribution: debian
release: "13"
packages: [libc6]
platforms: [linux/amd64]
variants:
  dev: {packages: [make, less, vim-tiny, libssl-dev, python3-minimal]}
"""
_UNLIKE = ("shlibs", "symbols")  # what only dpkg-shlibdeps reads: docs/howto/build-in-dockerfile.md


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="installing with scripts needs root")
def test_the_dev_variant_s_database_is_a_real_installation_s(works: Works, tmp_path: Path) -> None:
    from tools.acceptance.real import _sources

    place = works.recipe("oracle", ORACLE)
    works.neve("lock", place)
    output = works.directory / "oracle-dev"
    works.build(place, output, "--variant", "dev")
    image = works.image(output)
    lock = image.lock
    (target,) = (t for t in lock.targets if t.variant == "dev")
    packages = [lock.packages[index] for index in target.packages]
    wanted = ",".join(f"{package.name}={package.version}" for package in packages)
    root = tmp_path / "root"
    options = ["--quiet", "--mode=root", "--variant=essential", "--architectures=amd64"]
    options += ["--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*"]
    subprocess.run(
        ["mmdebstrap", *options, f"--include={wanted}", "trixie", str(root)],
        input=_sources("trixie"),
        text=True,
        check=True,
        timeout=600,
    )
    try:
        _compare(image, root)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)


def _compare(image: Image, root: Path) -> None:
    admin = "/var/lib/dpkg"
    real = {path.name: path.read_bytes() for path in (root / admin[1:] / "info").iterdir()}
    own = {
        entry.path.rpartition("/")[2]: image.bytes_of(entry)
        for entry in image.tree.under(f"{admin}/info")
    }
    assert {n for n in real if n.rpartition(".")[2] not in _UNLIKE} == set(own)
    assert [name for name in own if own[name] != real[name]] == []
    assert image.read(f"{admin}/status").decode() == (root / admin[1:] / "status").read_text()
    for name in ("triggers/File", "triggers/Unincorp"):
        assert image.read(f"{admin}/{name}") == (root / admin[1:] / name).read_bytes()
    for path in (root / admin[1:] / "alternatives").iterdir():
        assert image.read(f"{admin}/alternatives/{path.name}") == path.read_bytes(), path.name
    for path in (root / "etc/alternatives").iterdir():
        if path.is_symlink():
            assert image.tree[f"/etc/alternatives/{path.name}"].target == str(path.readlink())
