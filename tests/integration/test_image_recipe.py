"""Each wish of a recipe, seen in the built image: in its layers and in its configuration."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.support.images import AMD64, Image, Works

from neve.contract.rootfs import materialise
from neve.contract.subject import writable_paths
from neve.model import Waived
from neve.oci.layout_source import open_image
from neve.sandbox.choose import choose_sandbox
from neve.sandbox.port import RunnableImage
from neve.sandbox.scratch import remove_tree
from neve.tree import Kind

pytestmark = pytest.mark.integration

BASE = """\
extends: catalogue:debian-13/static
run:
  environment: {FROM_BASE: "yes", SHARED: base}
  labels: {org.example.base: "yes", org.example.who: base}
files:
  /etc/app/base.conf: {content: "of the base\\n"}
  /etc/app/both.conf: {content: "of the base\\n"}
"""
FULL = """\
name: full
extends: ../base/neve.yaml
packages: [dash, perl-base]
exclude: [mawk]
accounts:
  groups:
    data: {gid: 4242, members: [app]}
    extra: {}
  users:
    app: {uid: 4343, groups: [extra], home: /srv/app, shell: /bin/sh, comment: The app}
    helper: {}
files:
  /etc/app/both.conf: {content: "of the recipe\\n"}
  /etc/app/inline.conf: {content: "zeile\\nß\\n", mode: "0640", owner: app, group: data}
  /etc/app/numeric.conf: {content: "", owner: "7", group: "8", mode: "0600"}
  /opt/app/blob.bin: {source: blob.bin}
  /opt/app/start: {source: start.sh}
  /opt/site: {source: site}
  /opt/current: {link: app/start}
  /srv/empty: {directory: true, mode: "0750", owner: app, group: app}
  /srv/app/spool/seed: {content: "seed"}
run:
  user: app
  workdir: /srv/app
  entrypoint: [/bin/sh, /opt/app/start]
  command: [--flag, "two words"]
  environment: {SHARED: recipe, OWN: "a=b $HOME"}
  ports: [8080, 53/udp]
  volumes: [/srv/volume]
  labels: {org.example.who: recipe}
  stop_signal: SIGUSR1
  health_check: {command: [/bin/sh, -c, "exit 0"], interval: 5s, retries: 2}
  writable: [/srv/app/spool, /srv/new]
keep: [/usr/share/man/man1/dash.1.gz, "/usr/share/doc/perl-base/*"]
loosened:
  - {rule: no-shell, subject: dash, reason: the start script is one for sh}
"""
SCRIPT = '#!/bin/sh\necho "$(id -u 2>/dev/null) $OWN $*"\necho written > /srv/app/spool/seed\n'


@pytest.fixture(scope="module")
def place(works: Works) -> Path:
    works.recipe("base", BASE)
    files: dict[str, str | bytes] = {
        "blob.bin": bytes(range(256)),
        "start.sh": SCRIPT,
        "site/index.html": "<p>hello\n",
        "site/deep/er/style.css": "p {}\n",
        "site/tool": "#!/bin/sh\n",
    }
    place = works.recipe("full", FULL, files)
    (place / "site/tool").chmod(0o755)
    (place / "start.sh").chmod(0o755)
    link = place / "site/home.html"
    if not link.is_symlink():
        link.symlink_to("index.html")
    return place


@pytest.fixture(scope="module")
def full(works: Works, place: Path) -> Image:
    output = works.directory / "full-image"
    notices = works.build(place, output).out
    assert "health check" in notices
    return works.image(output)


def accounts(image: Image, name: str) -> dict[str, list[str]]:
    lines = image.read(f"/etc/{name}").decode().splitlines()
    return {line.partition(":")[0]: line.split(":")[1:] for line in lines}


def test_accounts_have_the_ids_asked_for(full: Image) -> None:
    users, groups = accounts(full, "passwd"), accounts(full, "group")
    assert users["app"][1:] == ["4343", "4343", "The app", "/srv/app", "/bin/sh"]
    assert groups["app"][1:] == ["4343", ""]
    assert groups["data"][1:] == ["4242", "app"]
    assert groups["extra"][2] == "app"
    assert 100 <= int(users["helper"][1]) < 1000
    home = full.entry("/srv/app")
    assert (home.kind, home.uid, home.gid) == (Kind.DIRECTORY, 4343, 4343)
    table = "shadow" if "/etc/shadow" in full.tree else "passwd"
    for name, fields in accounts(full, table).items():
        assert fields[0] in ("*", "!", "!*"), name


def test_files_have_content_owner_and_mode(full: Image) -> None:
    inline = full.entry("/etc/app/inline.conf")
    assert full.read("/etc/app/inline.conf") == "zeile\nß\n".encode()
    assert (inline.mode, inline.uid, inline.gid) == (0o640, 4343, 4242)
    numeric = full.entry("/etc/app/numeric.conf")
    assert (numeric.mode, numeric.uid, numeric.gid) == (0o600, 7, 8)
    assert full.read("/opt/app/blob.bin") == bytes(range(256))
    assert full.entry("/opt/app/blob.bin").mode == 0o644
    assert full.entry("/opt/app/start").mode == 0o755
    assert full.tree["/opt/current"].target == "app/start"
    assert full.read("/opt/current") == SCRIPT.encode()
    empty = full.entry("/srv/empty")
    assert (empty.kind, empty.mode, empty.uid, empty.gid) == (Kind.DIRECTORY, 0o750, 4343, 4343)
    assert full.tree.children("/srv/empty") == ()


def test_a_directory_beside_the_recipe_comes_whole(full: Image) -> None:
    assert full.read("/opt/site/index.html") == b"<p>hello\n"
    assert full.read("/opt/site/deep/er/style.css") == b"p {}\n"
    assert full.tree["/opt/site/home.html"].target == "index.html"
    assert full.entry("/opt/site/tool").mode == 0o755
    assert full.entry("/opt/site/deep").mode == 0o755


def test_a_base_recipe_is_inherited_and_overridden(full: Image) -> None:
    assert full.read("/etc/app/base.conf") == b"of the base\n"
    assert full.read("/etc/app/both.conf") == b"of the recipe\n"
    assert "/usr/share/zoneinfo/Europe/Berlin" in full.tree  # of the catalogue's static
    environment = dict(line.split("=", 1) for line in full.settings["Env"])
    assert environment["FROM_BASE"] == "yes"
    assert environment["SHARED"] == "recipe"
    assert environment["OWN"] == "a=b $HOME"
    labels = full.settings["Labels"]
    assert (labels["org.example.base"], labels["org.example.who"]) == ("yes", "recipe")


def test_the_configuration_says_how_to_run(full: Image) -> None:
    settings = full.settings
    assert settings["User"] == "4343:4343"
    assert settings["WorkingDir"] == "/srv/app"
    assert settings["Entrypoint"] == ["/bin/sh", "/opt/app/start"]
    assert settings["Cmd"] == ["--flag", "two words"]
    assert settings["ExposedPorts"] == {"8080/tcp": {}, "53/udp": {}}
    assert settings["Volumes"] == {"/srv/volume": {}}
    assert settings["StopSignal"] == "SIGUSR1"
    assert "Healthcheck" not in settings


def test_docker_archives_keep_the_health_check(works: Works, place: Path, tmp_path: Path) -> None:
    archive = tmp_path / "full.tar"
    told = works.build(place, archive, "--image-format", "docker-archive").out
    assert "health check" not in told
    check = json.loads(open_image(archive).configuration)["config"]["Healthcheck"]
    assert check["Test"] == ["CMD", "/bin/sh", "-c", "exit 0"]
    assert (check["Interval"], check["Retries"]) == (5_000_000_000, 2)


def test_kept_paths_are_spared_by_pruning_alone(full: Image) -> None:
    assert "/usr/share/man/man1/dash.1.gz" in full.tree
    kept = [entry.path for entry in full.tree.under("/usr/share/doc/perl-base")]
    removed = full.record.removed
    assert len(kept) > 1
    assert not [path for path in removed if path.startswith("/usr/share/doc/perl-base/")]
    assert [path for path in removed if path.startswith("/usr/share/doc/dash/")]


def test_excluded_packages_are_nowhere(full: Image) -> None:
    (target,) = full.lock.targets
    assert "mawk" not in {p.name for p in full.packages} | {d.name for d in target.dropped}
    assert "/var/lib/dpkg/status.d/mawk" not in full.tree


def test_a_loosened_rule_leaves_its_subject_and_a_waived_check(full: Image) -> None:
    assert full.entry("/bin/sh").path == "/usr/bin/dash"
    assert "/usr/bin/bash" not in full.tree
    waived = [check for check in full.record.checks if isinstance(check.verdict, Waived)]
    reasons = {check.verdict.waiver.reason for check in waived if isinstance(check.verdict, Waived)}
    assert "the start script is one for sh" in reasons


def test_writable_paths_belong_to_the_user(full: Image) -> None:
    for path in ("/srv/app/spool", "/srv/new"):
        entry = full.entry(path)
        assert (entry.uid, entry.gid, entry.mode & 0o700) == (4343, 4343, 0o700), path
        assert not entry.mode & 0o002
    assert full.entry("/srv/app/spool/seed").uid == 4343


def test_the_image_runs_as_the_recipe_says(full: Image, tmp_path: Path) -> None:
    root = unpacked(full, tmp_path)
    image = RunnableImage(
        root=root,
        uid=4343,
        gid=4343,
        environment=tuple(
            (name, value) for name, value in (line.split("=", 1) for line in full.settings["Env"])
        ),
        workdir="/srv/app",
        writable=("/srv/app/spool", "/srv/new"),
    )
    try:
        with choose_sandbox("bubblewrap").pod() as pod:
            done = pod.add(image, name="app").run(
                [*full.settings["Entrypoint"], *full.settings["Cmd"]]
            )
    finally:
        remove_tree(root)
    assert done.stdout.decode() == " a=b $HOME --flag two words\n", done.stderr
    assert done.succeeded


def unpacked(image: Image, directory: Path) -> Path:
    root = directory / "root"
    root.mkdir(mode=0o700)
    materialise(image.tree, image.bytes_of, root)
    return root


# -- asking for a shell --------------------------------------------------------------------------

SHELL = """\
extends: catalogue:debian-13/static
packages: [bash]
"""


def test_asking_for_bash_is_no_permission_but_pasting_the_lines_is(works: Works) -> None:
    place = works.recipe("shell", SHELL)
    output = works.directory / "shell"
    refused = works.build(place, output, expect=4).err
    assert not output.exists()
    assert "no-shell" in refused
    assert re.search(r"packages\[\d\]: bash", refused)
    lines = refused.splitlines()
    start = lines.index("loosened:")
    end = next(i for i in range(start + 1, len(lines)) if not lines[i].startswith("  "))
    paste = "\n".join(lines[start:end]) + "\n"
    works.recipe("shell", SHELL + paste)
    works.build(place, output)
    image = works.image(output)
    assert "/usr/bin/bash" in image.tree
    assert "bash" in {p.name for p in image.packages}


def test_what_needs_a_shell_is_named_with_its_chain(works: Works) -> None:
    text = (
        "distribution: debian\nrelease: '13'\npackages: [postgresql-17]\n"
        "run: {entrypoint: [/usr/lib/postgresql/17/bin/postgres]}\n"
    )
    refused = works.build(works.recipe("needs", text), works.directory / "needs", expect=4).err
    assert "/usr/lib/postgresql/17/bin/initdb" in refused
    assert "packages[0]: postgresql-17" in refused
    assert "rule: no-shell" in refused


# -- bytecode ------------------------------------------------------------------------------------


def test_bytecode_can_be_left_out(works: Works) -> None:
    image = works.made("plain", "extends: catalogue:debian-13/python\nbytecode: false\n")
    usual = works.image(works.catalogue("python"))
    assert not [entry for entry in image.tree if entry.path.endswith(".pyc")]
    assert not [entry for entry in image.tree if entry.path.endswith("__pycache__")]
    assert {e.path for e in image.tree} < {e.path for e in usual.tree}
    assert image.settings["Entrypoint"] == ["/usr/bin/python3"]


# -- any user in group 0 -------------------------------------------------------------------------

ANY = """\
extends: catalogue:debian-13/python
accounts:
  users: {app: {uid: 4343, home: /srv/app}}
files:
  /var/lib/app/seed: {content: "seed\\n", mode: "0640"}
  /var/lib/app/program: {content: "#!/usr/bin/python3\\n", mode: "0755"}
  /etc/app.conf: {content: "fixed\\n"}
run:
  user: app
  arbitrary_uid: true
  writable: [/var/lib/app, /srv/data]
"""
PROBE = """\
import os, sys
assert (os.getuid(), os.getgid()) == (123456, 0), (os.getuid(), os.getgid())
for path in ("/var/lib/app/new", "/var/lib/app/seed", "/srv/data/new", "/srv/app/new"):
    with open(path, "a") as file:
        file.write("more")
refused = 0
for directory, _, files in os.walk("/"):
    if directory.startswith(("/proc", "/dev", "/sys", "/tmp", *sys.argv[1:])):
        continue
    for path in [directory, *(os.path.join(directory, name) for name in files)]:
        assert os.path.islink(path) or not os.access(path, os.W_OK), path
        refused += 1
print(refused)
"""


@pytest.fixture(scope="module")
def any_user(works: Works) -> Image:
    return works.made("any", ANY)


def test_group_0_has_the_owners_rights_on_writable_paths(any_user: Image) -> None:
    assert any_user.settings["User"] == "4343:0"
    tops = ("/var/lib/app", "/srv/data", "/srv/app")
    found = [e for top in tops for e in (any_user.entry(top), *any_user.tree.under(top))]
    assert len(found) >= 5
    for entry in found:
        assert entry.gid == 0, entry.path
        assert entry.mode >> 3 & 7 == entry.mode >> 6 & 7, (entry.path, oct(entry.mode))
        assert entry.mode & 0o200, entry.path
        assert not entry.mode & 0o002, entry.path


def test_only_those_paths_can_be_written_by_group_0(any_user: Image) -> None:
    tops = ("/var/lib/app", "/srv/data", "/srv/app")
    for entry in any_user.tree:
        writable = entry.gid == 0 and entry.uid != 0 and entry.mode & 0o020
        if entry.kind is not Kind.SYMLINK and (entry.mode & 0o022 or writable):
            sticky = entry.mode & 0o1000 and entry.kind is Kind.DIRECTORY
            assert sticky or entry.path.startswith(tops), entry.path


def test_any_user_id_can_run_the_image(any_user: Image, tmp_path: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can run a program under a foreign user id")
    root = unpacked(any_user, tmp_path)
    image = RunnableImage(root=root, uid=123456, gid=0)
    writable = writable_paths(any_user.tree, image)
    assert set(writable) >= {"/var/lib/app", "/srv/data", "/srv/app"}
    image = RunnableImage(root=root, uid=123456, gid=0, writable=writable)
    try:
        with choose_sandbox("bubblewrap").pod() as pod:
            done = pod.add(image, name="any").run(
                ["/usr/bin/python3", "-c", PROBE, *writable], timeout=60
            )
    finally:
        remove_tree(root)
    assert done.succeeded, done.stderr.decode()
    assert int(done.stdout) > 2000


def test_arm64_and_amd64_are_the_default_platforms_of_a_lock(works: Works) -> None:
    place = works.recipe("small", "distribution: debian\nrelease: '13'\npackages: [netbase]\n")
    works.neve("lock", place)
    works.build(place, works.directory / "small", "--format", "json", platforms=(AMD64,))
    lock = json.loads((place / "neve.lock").read_bytes())
    assert {target["platform"] for target in lock["targets"]} == {"linux/amd64", "linux/arm64"}
