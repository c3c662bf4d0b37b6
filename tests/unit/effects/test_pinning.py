"""Pinned ids of accounts that packages made: the account moves with all that it owns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neve.effects.bench import EffectContext
from neve.effects.recipe import RecipeApplied, apply_recipe
from neve.errors import UsageError
from neve.model import Digest, Origin, Reason
from neve.recipe.types import Accounts, Distribution, Group, Recipe, Run, User
from neve.tree import Content, FileEntry, Inline, Kind, Tree

MakeTree = Callable[..., Tree]
PASSWD = b"""\
root:*:0:0:root:/root:/bin/sh
messagebus:!:100:101::/nonexistent:/usr/sbin/nologin
postgres:!:104:106:PostgreSQL:/var/lib/postgresql:/bin/bash
haproxy:!:105:65534::/var/lib/haproxy:/usr/sbin/nologin
nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = b"""\
root:*:0:
messagebus:!:101:
postgres:!:106:
ssl-cert:!:107:postgres
nogroup:*:65534:
"""


def no_file(digest: Digest) -> Content:
    raise AssertionError(digest)


@pytest.fixture
def installed(make_tree: MakeTree) -> Tree:
    """A tree as packages leave it: two accounts with files, one in the shared ``nogroup``."""
    tree = make_tree({"/etc/passwd": PASSWD, "/etc/group": GROUP})
    reason = Reason(Origin.PACKAGE, "postgresql", "")
    for path, kind, uid, gid, mode in (
        ("/var/lib/postgresql", Kind.DIRECTORY, 104, 106, 0o755),
        ("/var/lib/postgresql/.profile", Kind.FILE, 104, 106, 0o600),
        ("/var/lib/postgresql/link", Kind.SYMLINK, 104, 106, 0o777),
        ("/etc/ssl/private", Kind.DIRECTORY, 0, 107, 0o710),
        ("/var/log/postgresql", Kind.DIRECTORY, 0, 106, 0o1775),
        ("/var/lib/haproxy", Kind.DIRECTORY, 105, 65534, 0o755),
    ):
        tree.put(
            FileEntry(
                path=path,
                kind=kind,
                mode=mode,
                uid=uid,
                gid=gid,
                reason=reason,
                target=".profile" if kind is Kind.SYMLINK else None,
                content=Inline(b"x") if kind is Kind.FILE else None,
            )
        )
    return tree


def apply(
    tree: Tree,
    context: EffectContext,
    *users: User,
    groups: tuple[Group, ...] = (),
    run: Run | None = None,
) -> RecipeApplied:
    recipe = Recipe(
        name="x",
        base=Distribution(name="debian", release="13"),
        accounts=Accounts(users=users, groups=groups),
        run=run or Run(),
    )
    return apply_recipe(tree, recipe, context, file_content=no_file)


def lines(tree: Tree, path: str) -> dict[str, list[str]]:
    content = tree[path].content
    assert isinstance(content, Inline)
    rows = [line.split(":") for line in content.data.decode().splitlines()]
    return {row[0]: row for row in rows}


def owner(tree: Tree, path: str) -> tuple[int, int]:
    return tree[path].uid, tree[path].gid


def test_a_pinned_account_takes_its_files_along(installed: Tree, context: EffectContext) -> None:
    applied = apply(
        installed, context, User(name="postgres", uid=999, gid=999), run=Run(user="postgres")
    )
    assert applied.run_as.user == "999:999"
    assert lines(installed, "/etc/passwd")["postgres"][2:4] == ["999", "999"]
    assert lines(installed, "/etc/passwd")["postgres"][5] == "/var/lib/postgresql"
    assert lines(installed, "/etc/group")["postgres"][2] == "999"
    for path in ("/var/lib/postgresql", "/var/lib/postgresql/.profile", "/var/lib/postgresql/link"):
        assert owner(installed, path) == (999, 999), path
    assert owner(installed, "/var/log/postgresql") == (0, 999)
    assert installed["/var/log/postgresql"].mode == 0o1775
    assert installed["/var/lib/postgresql"].reason.origin is Origin.PACKAGE


def test_nothing_else_moves(installed: Tree, context: EffectContext) -> None:
    before = {e.path: (e.uid, e.gid) for e in installed if e.uid != 104 and e.gid != 106}
    apply(installed, context, User(name="postgres", uid=999, gid=999))
    assert {path: owner(installed, path) for path in before} == before
    assert lines(installed, "/etc/group")["ssl-cert"][3] == "postgres"


def test_a_uid_alone_leaves_the_group(installed: Tree, context: EffectContext) -> None:
    apply(installed, context, User(name="postgres", uid=70))
    assert owner(installed, "/var/lib/postgresql") == (70, 106)


def test_a_shared_group_is_not_renumbered(installed: Tree, context: EffectContext) -> None:
    """haproxy's group is ``nogroup``: its pinned gid makes a group of its own."""
    apply(installed, context, User(name="haproxy", uid=99, gid=99))
    assert lines(installed, "/etc/passwd")["haproxy"][2:4] == ["99", "99"]
    assert lines(installed, "/etc/group")["haproxy"][2] == "99"
    assert lines(installed, "/etc/group")["nogroup"][2] == "65534"
    assert owner(installed, "/var/lib/haproxy") == (99, 65534)


def test_two_accounts_may_swap_their_numbers(installed: Tree, context: EffectContext) -> None:
    apply(installed, context, User(name="postgres", uid=105), User(name="haproxy", uid=104))
    assert owner(installed, "/var/lib/postgresql") == (105, 106)
    assert owner(installed, "/var/lib/haproxy") == (104, 65534)


def test_a_group_alone_can_be_pinned(installed: Tree, context: EffectContext) -> None:
    apply(installed, context, groups=(Group(name="ssl-cert", gid=500),))
    assert owner(installed, "/etc/ssl/private") == (0, 500)


def test_a_fixed_account_is_there_once_it_is_named(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({})
    apply(tree, context, User(name="www-data", uid=33, gid=33), run=Run(user="www-data"))
    assert lines(tree, "/etc/passwd")["www-data"][5] == "/var/www"
    moved = make_tree({})
    applied = apply(moved, context, User(name="www-data", uid=82, gid=82), run=Run(user="www-data"))
    assert applied.run_as.user == "82:82"


def test_the_same_numbers_change_nothing(installed: Tree, context: EffectContext) -> None:
    apply(installed, context, User(name="postgres", uid=104, gid=106))
    assert owner(installed, "/var/lib/postgresql") == (104, 106)


@pytest.mark.parametrize(
    ("users", "groups", "key", "said"),
    [
        (
            (User(name="postgres", uid=100),),
            (),
            "accounts.users.postgres.uid",
            "uid 100 belongs to the user messagebus",
        ),
        (
            (User(name="postgres", gid=107),),
            (),
            "accounts.users.postgres.gid",
            "gid 107 belongs to the group ssl-cert",
        ),
        (
            (User(name="haproxy", gid=101),),
            (),
            "accounts.users.haproxy.gid",
            "gid 101 belongs to the group messagebus",
        ),
        (
            (User(name="postgres", uid=999), User(name="haproxy", uid=999)),
            (),
            "accounts.users.postgres.uid",
            "uid 999 belongs to the user haproxy",
        ),
        (
            (User(name="new", uid=104),),
            (),
            "accounts.users.new.uid",
            "belongs to the user postgres",
        ),
        (
            (User(name="new", uid=1500, gid=106),),
            (),
            "accounts.users.new.gid",
            "belongs to the group postgres",
        ),
        (
            (User(name="postgres", gid=999),),
            (Group(name="postgres", gid=998),),
            "accounts.users.postgres.gid",
            "gid 998",
        ),
        ((), (Group(name="root", gid=5),), "accounts.groups.root.gid", "root is gid 0"),
    ],
)
def test_a_conflict_names_key_holder_and_way_out(
    installed: Tree,
    context: EffectContext,
    users: tuple[User, ...],
    groups: tuple[Group, ...],
    key: str,
    said: str,
) -> None:
    with pytest.raises(UsageError) as raised:
        apply(installed, context, *users, groups=groups)
    assert raised.value.brief.startswith(f"{key}: ")
    assert said in raised.value.brief
    assert raised.value.resolution


def test_the_way_out_of_a_conflict_works(installed: Tree, context: EffectContext) -> None:
    with pytest.raises(UsageError) as raised:
        apply(installed, context, User(name="postgres", uid=100))
    assert "messagebus: {uid: 999}" in (raised.value.resolution or "")
    apply(installed, context, User(name="postgres", uid=100), User(name="messagebus", uid=999))
    assert owner(installed, "/var/lib/postgresql") == (100, 106)


def test_a_new_volume_belongs_to_the_account_it_runs_as(
    installed: Tree, context: EffectContext
) -> None:
    """An engine gives an empty volume the owner and mode of what it hides."""
    run = Run(user="postgres", volumes=("/data", "/var/log/postgresql"))
    apply(installed, context, User(name="postgres", uid=999, gid=999), run=run)
    assert owner(installed, "/data") == (999, 999)
    assert installed["/data"].mode == 0o750
    assert owner(installed, "/var/log/postgresql") == (0, 999)


def test_a_new_volume_under_any_uid_belongs_to_group_zero(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({})
    apply(tree, context, run=Run(volumes=("/data",), arbitrary_uid=True))
    assert (tree["/data"].gid, tree["/data"].mode) == (0, 0o770)
