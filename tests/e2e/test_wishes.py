"""Wishes that survive volumes: pinned numbers, data directories, ports; one command each."""

from __future__ import annotations

import difflib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.command import RECIPE, Desk

from neve.model import Platform
from neve.oci.layout_source import open_image
from neve.oci.read_tree import read_tree
from neve.recipe.edit import apply_edit
from neve.recipe.edits import (
    AddCertificate,
    AddFile,
    AddPackage,
    AddPort,
    AddService,
    AddUser,
    AddVolume,
    RecipeEdit,
    SetEnvironment,
)
from neve.store import Store

PLAIN = RECIPE.split("variants:", maxsplit=1)[0]
PINNED = """\
accounts:
  users:
    tool: {uid: 999, gid: 998}
run:
  user: tool
  ports: [8080, 80]
  volumes: [/srv/data, /usr/share/tool]
"""


def owners(desk: Desk, *paths: str) -> dict[str, tuple[int, int, int]]:
    """(uid, gid, mode) of paths in the built image's own layers."""
    desk.build("out", "--platform", "linux/amd64")
    source = open_image(desk.directory / "out", platform=Platform("linux", "amd64"))
    with Store.open(desk.directory / "reading") as store:
        tree = read_tree(source, store)
    return {path: (tree[path].uid, tree[path].gid, tree[path].mode) for path in paths}


def test_a_packaged_account_keeps_the_number_that_volumes_remember(desk: Desk) -> None:
    """The account and its directory come from the package's script."""
    desk.write("neve.yaml", PLAIN + PINNED)
    locked = " ".join(desk.neve("lock").out.split())
    assert "low-port (run.ports[1] (neve.yaml:14:17))" in locked
    assert "run.ports[0]" not in locked
    assert "volume-not-writable (run.volumes[1] (neve.yaml:15:24))" in locked
    found = owners(desk, "/var/lib/tool", "/srv/data", "/usr/share/tool")
    assert found["/var/lib/tool"][:2] == (999, 998)
    assert found["/srv/data"] == (999, 998, 0o750)
    assert found["/usr/share/tool"][:2] == (0, 0)
    settings = json.loads(
        open_image(desk.directory / "out", platform=Platform("linux", "amd64")).configuration
    )["config"]
    assert settings["User"] == "999:998"
    built = desk.neve("build", "-o", desk.directory / "again", "--platform", "linux/amd64")
    planned = desk.neve("plan", "--platform", "linux/amd64")
    for done in (built, planned):
        text = " ".join(done.out.split())
        assert "low-port" in text
        assert "net.ipv4.ip_unprivileged_port_start=0" in text


@pytest.mark.parametrize(
    ("users", "place", "said"),
    [
        ("tool: {uid: 999}, other: {uid: 999}", "10:42: ", "uid 999 belongs to the user"),
        ("new: {uid: 100}", "10:22: ", "uid 100 belongs to the user tool"),
        ("root: {uid: 5}", "10:23: ", "root is uid 0"),
        ("tool: {ids: upstream}", "10:23: ", "no well-known image has an account tool"),
        ("redis: {ids: upstream, gid: 5}", "10:24: ", "says gid already"),
    ],
)
def test_a_conflict_is_told_at_its_place(desk: Desk, users: str, place: str, said: str) -> None:
    desk.write("neve.yaml", PLAIN + f"accounts:\n  users: {{{users}}}\n")
    refused = desk.neve("lock", expect=2)
    assert f"neve.yaml:{place}" in refused.err
    assert said in refused.err
    assert "\nnext: " in refused.err


def test_upstreams_numbers_stand_in_the_lock(desk: Desk) -> None:
    """A later neve with another table builds the same image from it."""
    desk.write("neve.yaml", PLAIN)
    shown = desk.neve("add", "user", "redis", "--upstream", "--run")
    assert "+    redis: {ids: upstream}" in shown.out
    desk.neve("lock")
    lock = json.loads((desk.directory / "neve.lock").read_text())
    assert '"uid": 999' in json.dumps(lock)
    assert "upstream" not in json.dumps(lock)
    desk.build("out", "--platform", "linux/amd64")
    source = open_image(desk.directory / "out", platform=Platform("linux", "amd64"))
    assert json.loads(source.configuration)["config"]["User"] == "999:999"


COMMENTED = (
    "# top\nname: small  # a name\ndistribution: debian\nrelease: '13'  # stable\n",
    "packages:\n  # first\n  - plain  # why\n",
    "run:  # how\n  # the port\n  ports: [9000]  # ours\n  environment: {A: b}  # one\n",
    "accounts:  # who\n  users:\n    # the first\n    app: {uid: 1500}  # pinned\n",
    "files:\n  # greet\n  /etc/hi: {content: hi}  # text\n",
    "# the end\n",
)
USUAL: tuple[RecipeEdit, ...] = (
    AddCertificate(file="ca.pem"),
    AddPackage(request="curl"),
    AddPackage(request="strace", variant="debug"),
    AddService(name="job", command=("/usr/bin/job",)),
    AddUser(name="redis", ids="upstream"),
    AddFile(path="/etc/app.conf", content="x"),
    SetEnvironment(name="LEVEL", value="info"),
    AddPort(port="8443"),
    AddVolume(path="/data"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(1, len(COMMENTED) - 1)),
    st.sampled_from(USUAL),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_usual_request_is_three_lines_and_touches_no_other(
    parts: set[int], edit: RecipeEdit, end: str
) -> None:
    text = "".join(COMMENTED[i] for i in sorted({0, *parts})).replace("\n", end)
    edited = apply_edit(text, edit)
    changes = list(
        difflib.ndiff(text.splitlines(keepends=True), edited.text.splitlines(keepends=True))
    )
    added = [line for line in changes if line.startswith("+ ")]
    assert 0 < len(added) <= 3, "".join(changes)
    for line in text.splitlines():
        comment = line.partition("#")[2]
        assert f"#{comment}" in edited.text if comment else True
    assert not apply_edit(edited.text, edit).changed
    assert edited.text.count(end) == edited.text.count("\n")
