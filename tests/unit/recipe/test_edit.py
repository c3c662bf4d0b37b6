"""Edits change what they are about, and leave every other character as it was."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.errors import SourceError, UsageError
from neve.recipe.edit import apply_edit, diff_text
from neve.recipe.edits import (
    Acknowledge,
    AddFile,
    AddGroup,
    AddPackage,
    AddPort,
    AddRepository,
    AddUser,
    AddVolume,
    AddWritable,
    ExcludePackage,
    KeepPath,
    Loosen,
    RecipeEdit,
    RemovePackage,
    SetCommand,
    SetEntrypoint,
    SetEnvironment,
    SetLabel,
    SetRunUser,
    SetWorkdir,
)

RECIPE = """\
# The shop's web service.   (odd   spacing stays)
distribution: debian
release: "13"   # trixie

packages:
  # the interpreter
  - python3        # 3.13
  - 'libpq5=17.*'

run:
    user: app
    environment:
        LANG: C.UTF-8   # not POSIX

    ports: [ 8080 ]
accounts: {users: {app: {uid: 10001}}}
# the end
"""


def added(old: str, new: str) -> list[str]:
    lines = diff_text(old, new).splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (AddPackage(request="curl"), ["+  - curl"]),
        (AddPackage(request="libc6:i386"), ['+  - "libc6:i386"']),
        (
            AddPackage(request="python3=3.13.*"),
            ["-  - python3        # 3.13", "+  - python3=3.13.*        # 3.13"],
        ),
        (RemovePackage(name="python3"), ["-  - python3        # 3.13"]),
        (ExcludePackage(name="perl"), ["+exclude:", "+  - perl"]),
        (SetEnvironment(name="TZ", value="UTC"), ["+        TZ: UTC"]),
        (SetEnvironment(name="DEBUG", value="no"), ['+        DEBUG: "no"']),
        (
            SetEnvironment(name="LANG", value="C"),
            ["-        LANG: C.UTF-8   # not POSIX", "+        LANG: C   # not POSIX"],
        ),
        (AddPort(port="53/udp"), ["-    ports: [ 8080 ]", "+    ports: [ 8080, 53/udp ]"]),
        (SetRunUser(user="web"), ["-    user: app", "+    user: web"]),
        (
            SetEntrypoint(arguments=("python3", "-m", "app")),
            ['+    entrypoint: [python3, "-m", app]'],
        ),
        (AddVolume(path="/data"), ["+    volumes:", "+      - /data"]),
        (
            AddUser(name="web", uid=10002),
            [
                "-accounts: {users: {app: {uid: 10001}}}",
                "+accounts: {users: {app: {uid: 10001}, web: {uid: 10002}}}",
            ],
        ),
        (
            AddFile(path="/etc/a.conf", source="a.conf", mode="0640"),
            ["+files:", "+  /etc/a.conf:", "+    source: a.conf", '+    mode: "0640"'],
        ),
        (
            Loosen(rule="no-shell", reason="initdb", subject="/usr/bin/dash"),
            ["+loosened:", "+  - {rule: no-shell, subject: /usr/bin/dash, reason: initdb}"],
        ),
    ],
)
def test_an_edit_touches_its_line_alone(edit: RecipeEdit, lines: list[str]) -> None:
    result = apply_edit(RECIPE, edit)
    assert result.changed
    assert added(RECIPE, result.text) == lines
    again = apply_edit(result.text, edit)
    assert not again.changed
    assert again.text == result.text


EVERY: list[RecipeEdit] = [
    AddPackage(request="curl"),
    AddPackage(request="busybox", variant="debug"),
    RemovePackage(name="curl"),
    ExcludePackage(name="perl"),
    AddFile(path="/etc/x", content="a\nb: c # d\n", owner="app"),
    AddFile(path="/etc/x", link="y"),
    AddFile(path="/srv", directory=True),
    SetEnvironment(name="A", value='quote " and \\ and é'),
    SetLabel(name="org.x", value="1.0"),
    AddUser(name="u1"),
    AddUser(name="u2", uid=7, home="/h", groups=("g",)),
    AddGroup(name="g", gid=7),
    AddPort(port="80"),
    AddVolume(path="/v"),
    AddWritable(path="/w"),
    KeepPath(pattern="/usr/share/doc/**"),
    SetRunUser(user="10001"),
    SetWorkdir(path="/w"),
    SetEntrypoint(arguments=("a", "--b=c d")),
    SetCommand(arguments=()),
    AddRepository(name="backports"),
    AddRepository(name="c", url="https://h/d", suite="s", components=("main",), keyring="k.gpg"),
    Loosen(rule="no-shell", reason="it's: needed"),
    Acknowledge(script="a1:sha256:0123456789ab", reason="r", owner="o", expires=date(2027, 1, 1)),
]
STARTS = [
    "distribution: debian\nrelease: 13",
    "# c\n{distribution: debian, release: 13}\n",
    "distribution: debian\nrelease: 13\npackages: []\nrun: {}\nfiles: {}\n",
    "distribution: debian\nrelease: 13\npackages: [\n  a1,  # one\n  b1,\n]\nrun:\n  ports:\n  - 1",
    "distribution: debian\nrelease: 13\naccounts:\n  users:\n    u1:\n# tail\n",
    "distribution: debian\nrelease: 13\nfiles:\n  /etc/m:\n    content: |\n      text\n\n# tail\n",
    RECIPE,
]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("edit", EVERY, ids=lambda edit: type(edit).__name__)
def test_every_edit_of_every_layout(start: str, edit: RecipeEdit) -> None:
    result = apply_edit(start, edit)
    for line in (part.split("#")[1] for part in start.splitlines() if "#" in part):
        assert f"#{line}" in result.text
    assert not apply_edit(result.text, edit).changed


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(STARTS), st.lists(st.sampled_from(EVERY), min_size=2, max_size=8))
def test_edits_one_after_another(start: str, edits: list[RecipeEdit]) -> None:
    text = start
    for edit in edits:
        text = apply_edit(text, edit).text
        assert not apply_edit(text, edit).changed


def test_removing_the_last_package_removes_the_key() -> None:
    text = "distribution: debian\nrelease: 13\npackages:\n  - a1\nrun: {user: app}\n"
    assert apply_edit(text, RemovePackage(name="a1")).text == text.replace(
        "packages:\n  - a1\n", ""
    )


def test_removing_what_is_not_there_says_so() -> None:
    result = apply_edit(RECIPE, RemovePackage(name="zlib1g"))
    assert (result.changed, result.text) == (False, RECIPE)
    assert "packages" in result.summary


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (AddPackage(request="Not A Package"), "package request"),
        (AddPort(port="70000"), "not a port"),
        (AddFile(path="etc/x", content="a"), "path in the image"),
        (AddFile(path="/etc/x"), "exactly one"),
        (AddUser(name="root!"), "account name"),
        (ExcludePackage(name="python3"), "excluded as well"),
    ],
)
def test_an_edit_that_makes_no_recipe_is_refused(edit: RecipeEdit, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply_edit(RECIPE, edit)
    assert says in caught.value.brief


def test_a_broken_recipe_is_not_edited() -> None:
    with pytest.raises(SourceError, match="unknown key"):
        apply_edit("distribution: debian\nrelease: 13\npakages: []\n", AddPackage(request="a1"))


def test_an_alias_is_not_written_through() -> None:
    text = "distribution: debian\nrelease: 13\nexclude: &x [a1, b1]\npackages: *x\n"
    with pytest.raises(UsageError):
        apply_edit(text, AddPackage(request="c1"))
    shared = "distribution: debian\nrelease: 13\nkeep: &x [/a]\nrun: {volumes: *x}\n"
    with pytest.raises(UsageError) as caught:
        apply_edit(shared, KeepPath(pattern="/b"))
    assert "by hand" in caught.value.resolution


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + RECIPE.replace("\n", "\r\n")
    result = apply_edit(text, AddPackage(request="curl"))
    assert result.text == text.replace("17.*'\r\n", "17.*'\r\n  - curl\r\n")
    again = apply_edit(result.text, AddPackage(request="curl"))
    assert (again.changed, again.text) == (False, result.text)
