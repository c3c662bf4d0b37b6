"""What a recipe's own accounts, files and writable paths leave in a tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neve.effects.bench import EffectContext
from neve.effects.recipe import apply_recipe
from neve.errors import UsageError
from neve.model import Digest, Origin, sha256_of
from neve.recipe.types import Accounts, Distribution, File, Group, Recipe, Run, User
from neve.tree import Content, Inline, Kind, Put, Tree

MakeTree = Callable[..., Tree]
DEBIAN = Distribution(name="debian", release="13")


def no_file(digest: Digest) -> Content:
    raise AssertionError(digest)


def passwd(tree: Tree, path: str = "/etc/passwd") -> list[str]:
    content = tree[path].content
    assert isinstance(content, Inline)
    return content.data.decode().splitlines()


def test_by_default_an_image_runs_as_nonroot(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree({})
    applied = apply_recipe(tree, Recipe(name="x", base=DEBIAN), context, file_content=no_file)
    assert applied.run_as.user == "65532:65532"
    assert passwd(tree)[-1].startswith("nonroot:*:65532:65532:")
    home = tree["/home/nonroot"]
    assert (home.uid, home.gid, home.mode) == (65532, 65532, 0o700)
    for edit in applied.edits:
        assert isinstance(edit, Put)
        assert edit.entry.reason.origin is Origin.RECIPE


def test_an_arbitrary_uid_gets_group_zero(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree({"/var/lib/app": None, "/var/lib/app/state": b"1", "/var/lib/app/l": "state"})
    run = Run(writable=("/var/lib/app", "/var/cache/app"), arbitrary_uid=True)
    applied = apply_recipe(
        tree, Recipe(name="x", base=DEBIAN, run=run), context, file_content=no_file
    )
    assert applied.run_as.user == "65532:0"
    for path in ("/var/lib/app", "/var/lib/app/state", "/var/cache/app", "/home/nonroot"):
        entry = tree[path]
        assert entry.gid == 0
        assert entry.mode >> 3 & 7 == entry.mode >> 6 & 7, path
    assert tree["/var/lib/app"].mode & 0o070 == 0o070
    assert tree["/var/lib/app"].mode & 0o002 == 0


def test_an_arbitrary_uid_gets_into_the_home_of_a_user_of_its_own(
    make_tree: MakeTree, context: EffectContext
) -> None:
    """Else nothing below it could be reached: a home is closed to others."""
    accounts = Accounts(users=(User(name="app", uid=1500, home="/srv/app"), User(name="other")))
    run = Run(user="app", arbitrary_uid=True, writable=("/srv/app/spool",))
    recipe = Recipe(name="x", base=DEBIAN, accounts=accounts, run=run)
    tree = make_tree({})
    applied = apply_recipe(tree, recipe, context, file_content=no_file)
    assert applied.run_as.user == "1500:0"
    home = tree["/srv/app"]
    assert (home.uid, home.gid, home.mode) == (1500, 0, 0o770)
    assert (tree["/srv/app/spool"].gid, tree["/srv/app/spool"].mode) == (0, 0o770)


def test_accounts_get_the_ids_asked_for(make_tree: MakeTree, context: EffectContext) -> None:
    accounts = Accounts(
        users=(
            User(name="app", uid=1500, groups=("data",), home="/srv/app", comment="App"),
            User(name="auto"),
        ),
        groups=(Group(name="data", gid=1600, members=("auto",)),),
    )
    recipe = Recipe(name="x", base=DEBIAN, accounts=accounts, run=Run(user="app"))
    tree = make_tree({})
    applied = apply_recipe(tree, recipe, context, file_content=no_file)
    assert applied.run_as.user == "1500:1500"
    assert "app:*:1500:1500:App:/srv/app:/usr/sbin/nologin" in passwd(tree)
    assert "data:*:1600:app,auto" in passwd(tree, "/etc/group")
    assert tree["/srv/app"].uid == 1500
    assert not any(line.startswith("nonroot") for line in passwd(tree))


def test_files_come_with_owner_mode_and_key(make_tree: MakeTree, context: EffectContext) -> None:
    data = b"from beside the recipe"
    recipe = Recipe(
        name="x",
        base=DEBIAN,
        files=(
            File(path="/etc/app.conf", content="a=1\n", mode=0o640, group="www-data"),
            File(path="/srv/data.bin", digest=sha256_of(data), source="data.bin", size=22),
            File(path="/srv/current", link="data.bin"),
            File(path="/srv/empty", directory=True, owner="1234", mode=0o711),
        ),
    )
    tree = make_tree({})
    apply_recipe(tree, recipe, context, file_content=lambda digest: Inline(data))
    conf = tree["/etc/app.conf"]
    assert (conf.mode, conf.gid, conf.reason.subject) == (0o640, 33, "files[/etc/app.conf]")
    assert "www-data:*:33:" in passwd(tree, "/etc/group")
    assert tree["/srv/data.bin"].content == Inline(data)
    assert tree["/srv/current"].target == "data.bin"
    assert (tree["/srv/empty"].uid, tree["/srv/empty"].mode) == (1234, 0o711)
    assert tree["/srv/empty"].kind is Kind.DIRECTORY


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        (Recipe(name="x", base=DEBIAN, run=Run(user="ghost")), "run.user"),
        (Recipe(name="x", base=DEBIAN, run=Run(user="0:ghosts")), "run.user"),
        (
            Recipe(name="x", base=DEBIAN, files=(File(path="/a", content="", owner="ghost"),)),
            r"files\[/a\].owner",
        ),
        (
            Recipe(name="x", base=DEBIAN, files=(File(path="/a", content="", group="ghost"),)),
            r"files\[/a\].group",
        ),
        (Recipe(name="x", base=DEBIAN, files=(File(path="/usr", content=""),)), "directory"),
        (
            Recipe(name="x", base=DEBIAN, files=(File(path="/etc/shadow", content=""),)),
            r"files\[/etc/shadow\]: this file is written from the image's accounts",
        ),
        (
            Recipe(name="x", base=DEBIAN, files=(File(path="/usr/file/a/b", content=""),)),
            r"files\[/usr/file/a/b\]: /usr/file is no directory",
        ),
        (
            Recipe(name="x", base=DEBIAN, run=Run(writable=("/usr/file/a",))),
            r"run.writable\[/usr/file/a\]: /usr/file is no directory",
        ),
        (
            Recipe(name="x", base=DEBIAN, accounts=Accounts(users=(User(name="a", uid=0),))),
            "uid 0 belongs to the user root",
        ),
        (
            Recipe(name="x", base=DEBIAN, accounts=Accounts(users=(User(name="root", uid=5),))),
            "root is uid 0: the kernel",
        ),
        (
            Recipe(name="x", base=DEBIAN, accounts=Accounts(groups=(Group(name="a", gid=0),))),
            "gid 0 belongs to the group root",
        ),
    ],
)
def test_an_impossible_wish_names_its_key(
    make_tree: MakeTree, context: EffectContext, recipe: Recipe, word: str
) -> None:
    tree = make_tree({"/usr": None, "/usr/file": b""})
    with pytest.raises(UsageError, match=word):
        apply_recipe(tree, recipe, context, file_content=no_file)


def test_nothing_outside_the_writable_path_changes_owner(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({"/var/lib/app/out": "/etc/other", "/etc/other": b"x", "/var/lib/app2": None})
    recipe = Recipe(name="x", base=DEBIAN, run=Run(writable=("/var/lib/app",)))
    apply_recipe(tree, recipe, context, file_content=no_file)
    assert tree["/etc/other"].uid == 0
    assert tree["/var/lib/app2"].uid == 0
    assert tree["/var/lib/app"].uid == 65532


def test_a_user_with_the_default_number_or_name_serves(
    make_tree: MakeTree, context: EffectContext
) -> None:
    for user, wanted in (
        (User(name="app", uid=65532), "65532:65532"),
        (User(name="nonroot", uid=700), "700:700"),
    ):
        recipe = Recipe(name="x", base=DEBIAN, accounts=Accounts(users=(user,)))
        tree = make_tree({})
        applied = apply_recipe(tree, recipe, context, file_content=no_file)
        assert applied.run_as.user == wanted
        ids = [line.split(":")[2] for line in passwd(tree)]
        assert len(ids) == len(set(ids))


def test_with_shadow_passwords_the_recipes_accounts_are_locked_there(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({"/usr/sbin/pwconv": b""})
    apply_recipe(tree, Recipe(name="x", base=DEBIAN), context, file_content=no_file)
    assert passwd(tree)[-1].startswith("nonroot:x:")
    assert passwd(tree, "/etc/shadow")[-1] == "nonroot:!:19675::::::"
    again = list(tree)
    assert (
        apply_recipe(tree, Recipe(name="x", base=DEBIAN), context, file_content=no_file).edits == ()
    )
    assert list(tree) == again
