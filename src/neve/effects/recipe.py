"""Edits from the recipe itself: accounts, files, writable paths, the user to run as.

Applied after the packages' effects, each with the recipe key as its reason. Owns how a wish of
the recipe becomes entries; whether hardening allows it is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from neve.effects.accounts import ACCOUNT_FILES, AccountError, Accounts, UserAccount
from neve.effects.bench import EffectContext, Workbench
from neve.effects.pinning import holder_error, pin_accounts, pin_primary_group
from neve.errors import FieldError
from neve.model import Digest, Origin, Reason
from neve.recipe.types import File, Group, Recipe, User
from neve.tree import Change, Content, Edit, Inline, Kind, Tree

NONROOT = 65532
"""The user that an image runs as by default, as other hardened images number it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """The numeric user and group of the image's configuration, and the home directory."""

    uid: int
    gid: int
    home: str

    @property
    def user(self) -> str:
        """OCI's ``User``: ``uid:gid``."""
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeApplied:
    """The edits made (already applied to the tree), who the image runs as, and what made each
    account, as ``Accounts.reasons``: of those that were there before, the file they stood in.
    """

    edits: tuple[Edit, ...]
    run_as: RunAs
    accounts: Mapping[str, Reason] = field(default_factory=dict)


FileContent = Callable[[Digest], Content]
"""Gives the content of a file beside the recipe, by digest."""


def apply_recipe(
    tree: Tree, recipe: Recipe, context: EffectContext, *, file_content: FileContent
) -> RecipeApplied:
    """Add the recipe's groups, users, files and writable paths to ``tree``.

    Raises ``FieldError`` for a wish that cannot be met, naming the recipe key.
    """
    bench = Workbench(tree, context)
    accounts = Accounts.start(bench)
    keys: list[str] = []
    pin_accounts(bench, accounts, recipe.accounts)
    for group in recipe.accounts.groups:
        keys.append(f"accounts.groups.{group.name}")
        _add_group(accounts, group, keys[-1])
        accounts.made_by(Reason(Origin.RECIPE, keys[-1]))
    for user in recipe.accounts.users:
        keys.append(f"accounts.users.{user.name}")
        _add_user(bench, accounts, user, keys[-1])
        accounts.made_by(Reason(Origin.RECIPE, keys[-1]))
    for group in recipe.accounts.groups:
        for member in group.members:
            _known(accounts, member, f"accounts.groups.{group.name}.members")
            accounts.add_member(member, group.name)
            accounts.made_by(Reason(Origin.RECIPE, f"accounts.groups.{group.name}.members"))
    run_as = _run_as(bench, accounts, recipe, keys)
    accounts.made_by(Reason(Origin.RECIPE, "run.user"))
    if recipe.run.arbitrary_uid:
        _share_home(bench, run_as)
    for file in recipe.files:
        _add_file(bench, accounts, file, file_content)
        accounts.made_by(Reason(Origin.RECIPE, f"files[{file.path}]", "its owner"))
    for path in recipe.run.writable:
        _writable(bench, recipe, run_as, path, f"run.writable[{path}]")
    for path in recipe.run.volumes:
        if bench.tree.locate(path) is None:
            _writable(bench, recipe, run_as, path, f"run.volumes[{path}]")
    accounts.write(bench, Reason(Origin.RECIPE, ", ".join(keys) or "run.user", "accounts"))
    return RecipeApplied(edits=tuple(bench.edits), run_as=run_as, accounts=accounts.reasons)


def _add_group(accounts: Accounts, group: Group, key: str) -> None:
    old = accounts.groups.get(group.name)
    other = next((g.name for g in accounts.groups.values() if g.gid == group.gid), None)
    if old is None and other is not None:
        raise FieldError(
            f"gid {group.gid} belongs to the group {other}",
            field=key,
            resolution="Choose another gid, or leave it out.",
        )
    accounts.add_group(group.name, gid=group.gid, shadowed=accounts.shadowed)


def _add_user(bench: Workbench, accounts: Accounts, user: User, key: str) -> None:
    old = accounts.users.get(user.name)
    if old is None:
        _new_user(bench, accounts, user, key)
    else:
        pin_primary_group(accounts, old, user)
    for group in user.groups:
        if group not in accounts.groups:
            accounts.add_group(group, shadowed=accounts.shadowed)
        accounts.add_member(user.name, group)


def _new_user(bench: Workbench, accounts: Accounts, user: User, key: str) -> None:
    uid = accounts.free_uid("adduser") if user.uid is None else user.uid
    taken = holder_error(accounts, f"{key}.uid", uid)
    if taken is not None:
        raise taken
    group = user.group or user.name
    if group not in accounts.groups:
        gid = uid if user.gid is None and user.uid is not None else user.gid
        holder = next((g.name for g in accounts.groups.values() if g.gid == gid), None)
        if holder is not None and user.gid is not None:
            raise FieldError(
                f"gid {gid} belongs to the group {holder}",
                field=f"{key}.gid",
                resolution=f"Choose another gid, write group: {holder}, or pin {holder} elsewhere.",
            )
        wanted = None if holder is not None else gid
        accounts.add_group(group, gid=wanted, shadowed=accounts.shadowed)
    home = user.home or "/nonexistent"
    gid = accounts.gid(group)
    accounts.add_user(
        UserAccount(
            name=user.name,
            uid=uid,
            gid=gid,
            comment=user.comment,
            home=home,
            shell=user.shell,
            lock=accounts.lock(),
            shadowed=accounts.shadowed,
        )
    )
    if user.home is not None and not bench.is_directory(home):
        bench.directory(home, Reason(Origin.RECIPE, key, "home"), mode=0o750, uid=uid, gid=gid)


def _run_as(bench: Workbench, accounts: Accounts, recipe: Recipe, keys: list[str]) -> RunAs:
    wanted = recipe.run.user
    if wanted is None:
        return _nonroot(bench, accounts, recipe, keys)
    name, _, group = wanted.partition(":")
    if name.isascii() and name.isdigit():
        uid = accounts.uid(name)
        known = next((u for u in accounts.users.values() if u.uid == uid), None)
    else:
        _known(accounts, name, "run.user")
        known = accounts.users[name]
        uid = known.uid
    if group:
        _known_group(accounts, group, "run.user")
        gid = accounts.gid(group)
    else:
        gid = known.gid if known is not None else 0
    if recipe.run.arbitrary_uid:
        gid = 0
    return RunAs(uid=uid, gid=gid, home=known.home if known is not None else "/")


def _nonroot(bench: Workbench, accounts: Accounts, recipe: Recipe, keys: list[str]) -> RunAs:
    """The default user; one that already has its number or name serves as it is."""
    number = next((u for u in accounts.users.values() if u.uid == NONROOT), None)
    known = number or accounts.users.get("nonroot")
    if known is not None:
        gid = 0 if recipe.run.arbitrary_uid else known.gid
        return RunAs(uid=known.uid, gid=gid, home=known.home)
    gid = 0 if recipe.run.arbitrary_uid else NONROOT
    home = "/home/nonroot"
    if gid and not any(group.gid == gid for group in accounts.groups.values()):
        accounts.add_group("nonroot", gid=gid, shadowed=accounts.shadowed)
    comment = "the user this image runs as"
    accounts.add_user(
        UserAccount(
            name="nonroot",
            uid=NONROOT,
            gid=gid,
            comment=comment,
            home=home,
            lock=accounts.lock(),
            shadowed=accounts.shadowed,
        )
    )
    keys.append("run.user")
    mode = 0o770 if recipe.run.arbitrary_uid else 0o700
    reason = Reason(Origin.RECIPE, "run.user", "home of nonroot")
    bench.directory(home, reason, mode=mode, uid=NONROOT, gid=gid)
    return RunAs(uid=NONROOT, gid=gid, home=home)


def _share_home(bench: Workbench, run_as: RunAs) -> None:
    """Give group 0 the owner's rights on the home: any uid has to get in, and to what is below."""
    home = bench.tree.locate(run_as.home)
    if home is None or home.kind is not Kind.DIRECTORY or home.uid != run_as.uid or not home.uid:
        return
    reason = Reason(Origin.RECIPE, "run.arbitrary_uid", "home of the run-as user")
    mode = home.mode | (home.mode & 0o700) >> 3
    bench.directory(home.path, reason, mode=mode, uid=home.uid, gid=0)


def _add_file(bench: Workbench, accounts: Accounts, file: File, file_content: FileContent) -> None:
    key = f"files[{file.path}]"
    _possible(bench, file.path, key)
    if bench.place(file.path) in ACCOUNT_FILES:
        raise FieldError(
            "this file is written from the image's accounts",
            field=key,
            resolution="Say under accounts: which users and groups there are, and take it out of "
            "files.",
        )
    reason = Reason(Origin.RECIPE, key, f"from {file.source}" if file.source else "")
    _known(accounts, file.owner, f"{key}.owner")
    _known_group(accounts, file.group, f"{key}.group")
    uid, gid = accounts.uid(file.owner), accounts.gid(file.group)
    if file.directory:
        mode = 0o755 if file.mode is None else file.mode
        bench.directory(file.path, reason, mode=mode, uid=uid, gid=gid)
        return
    where = bench.tree.get(bench.place(file.path))
    if where is not None and where.kind is Kind.DIRECTORY:
        raise FieldError(
            "this path is a directory of the image",
            field=key,
            resolution="Name a file in it, or say directory: true to set its owner and mode.",
        )
    if file.link is not None:
        bench.link(file.path, file.link, reason)
        return
    content: Content
    if file.content is not None:
        content = Inline(file.content.encode())
    elif file.digest is not None:
        content = file_content(file.digest)
    else:
        raise FieldError("it has no content", field=key, resolution="Give content, source or link.")
    mode = 0o644 if file.mode is None else file.mode
    bench.write(file.path, content, reason, mode=mode, uid=uid, gid=gid)


def _writable(bench: Workbench, recipe: Recipe, run_as: RunAs, path: str, key: str) -> None:
    """Give ``path`` to the run-as user; with an arbitrary uid, to group 0 with the same rights.

    An engine gives an empty volume the owner and mode of the directory it is mounted on, so that
    this decides who can write there.
    """
    reason = Reason(Origin.RECIPE, key, f"for uid {run_as.uid}")
    _possible(bench, path, key)
    where = bench.tree.resolve(path)
    if where not in bench.tree:
        mode = 0o770 if recipe.run.arbitrary_uid else 0o750
        bench.directory(path, reason, mode=mode, uid=run_as.uid, gid=run_as.gid)
        return
    for below in [where, *(entry.path for entry in bench.tree.under(where))]:
        old = bench.tree.content_entry(bench.tree[below])
        if old.kind is Kind.SYMLINK:
            continue
        if recipe.run.arbitrary_uid:
            rights = (old.mode | 0o200 | (0o700 if old.kind is Kind.DIRECTORY else 0)) & 0o700
            mode, uid, gid = old.mode & ~0o070 | rights | rights >> 3, run_as.uid, 0
        else:
            wanted = 0o700 if old.kind is Kind.DIRECTORY else 0o600
            mode, uid, gid = old.mode | wanted, run_as.uid, run_as.gid
        if (mode, uid, gid) != (old.mode, old.uid, old.gid):
            bench.edit(Change(path=below, reason=reason, mode=mode, uid=uid, gid=gid))


def _possible(bench: Workbench, path: str, key: str) -> None:
    """Refuse ``path`` where something above it is no directory."""
    blocker = bench.blocker(path)
    if blocker is not None:
        raise FieldError(
            f"{blocker} is no directory in the image, so nothing can be below it",
            field=key,
            resolution="Choose another path.",
        )


def _known(accounts: Accounts, name: str, key: str) -> None:
    try:
        accounts.uid(name)
    except AccountError as error:
        raise FieldError(
            f"no user is named {name!r}",
            field=key,
            resolution=_near(name, accounts.users)
            + "Add it under accounts.users, or the package that creates it.",
        ) from error


def _known_group(accounts: Accounts, name: str, key: str) -> None:
    try:
        accounts.gid(name)
    except AccountError as error:
        raise FieldError(
            f"no group is named {name!r}",
            field=key,
            resolution=_near(name, accounts.groups)
            + "Add it under accounts.groups, or the package that creates it.",
        ) from error


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {near[0]}? " if near else ""
