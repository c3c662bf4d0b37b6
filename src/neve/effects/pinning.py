"""Pinned ids of accounts that packages made: renumbers the account and all that it owns.

Owns which numbers a recipe may move and what moves along; new accounts are made elsewhere.
Volumes remember numbers: a pinned one survives a change of base or of packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neve.effects.accounts import SYSTEM_IDS, Accounts, UserAccount
from neve.effects.bench import Workbench
from neve.effects.static_ids import STATIC_GROUPS, STATIC_USERS
from neve.errors import FieldError
from neve.model import Origin, Reason
from neve.recipe.types import Accounts as Wanted
from neve.recipe.types import User
from neve.tree import Change, Kind


@dataclass(frozen=True, slots=True)
class _Move:
    """An account's new number, and the recipe key that asks for it."""

    number: int
    key: str


def pin_accounts(bench: Workbench, accounts: Accounts, wanted: Wanted) -> None:
    """Give the accounts that exist already the ids that ``wanted`` pins, with all their files.

    Raises ``FieldError`` at the key of a number that another account has.
    """
    _name_static(accounts, wanted)
    groups = _group_moves(accounts, wanted)
    users = _user_moves(accounts, wanted)
    if not groups and not users:
        return
    known_groups = {name: group.gid for name, group in accounts.groups.items()}
    known_users = {name: user.uid for name, user in accounts.users.items()}
    _judge(known_groups, groups, "group")
    _judge(known_users, users, "user")
    gids = {known_groups[name]: move for name, move in groups.items()}
    uids = {known_users[name]: move for name, move in users.items()}
    for name, move in groups.items():
        accounts.groups[name].gid = move.number
    for name, move in users.items():
        accounts.users[name].uid = move.number
    for user in accounts.users.values():
        user.gid = gids[user.gid].number if user.gid in gids else user.gid
    _renumber(bench, uids, gids)


def pin_primary_group(accounts: Accounts, old: UserAccount, user: User) -> None:
    """Give an account that exists the primary group that ``user`` asks for, making it if need be.

    A number alone means the group of the account's own name: a group of another name (``nogroup``)
    belongs to others too.
    """
    name = user.group
    if name is None and user.gid is not None and user.gid != old.gid:
        name = user.name
    if name is None:
        return
    if name not in accounts.groups:
        taken = _holder({n: g.gid for n, g in accounts.groups.items()}, user.gid)
        if taken is not None:
            raise _taken(f"accounts.users.{user.name}.gid", "gid", user.gid, "group", taken)
        accounts.add_group(name, gid=user.gid, shadowed=accounts.shadowed)
    old.gid = accounts.gid(name)


def holder_error(accounts: Accounts, key: str, uid: int) -> FieldError | None:
    """The error for a ``uid`` that an account has already; ``None`` where none has."""
    holder = _holder({name: user.uid for name, user in accounts.users.items()}, uid)
    if holder is None:
        return None
    free = _free({user.uid for user in accounts.users.values()})
    return _taken(key, "uid", uid, "user", holder, free=free)


def _name_static(accounts: Accounts, wanted: Wanted) -> None:
    """Accounts whose numbers Debian fixes are there as soon as a recipe names them."""
    for group in wanted.groups:
        if group.name in STATIC_GROUPS:
            accounts.gid(group.name)
    for user in wanted.users:
        if user.name in STATIC_USERS:
            accounts.uid(user.name)


def _group_moves(accounts: Accounts, wanted: Wanted) -> dict[str, _Move]:
    asked = [
        (group.name, group.gid, f"accounts.groups.{group.name}.gid") for group in wanted.groups
    ]
    for user in wanted.users:
        name = user.group or user.name
        asked.append((name, user.gid, f"accounts.users.{user.name}.gid"))
    moves: dict[str, _Move] = {}
    for name, gid, key in asked:
        group = accounts.groups.get(name)
        if gid is None or group is None:
            continue
        earlier = moves.get(name)
        if earlier is not None and earlier.number != gid:
            raise FieldError(
                f"the group {name} is to be gid {earlier.number} ({earlier.key}) and {gid}",
                field=key,
                resolution="Pin it once.",
            )
        if gid != group.gid or earlier is not None:
            moves[name] = _Move(gid, key)
    return {name: move for name, move in moves.items() if accounts.groups[name].gid != move.number}


def _user_moves(accounts: Accounts, wanted: Wanted) -> dict[str, _Move]:
    return {
        user.name: _Move(user.uid, f"accounts.users.{user.name}.uid")
        for user in wanted.users
        if user.uid is not None
        and user.name in accounts.users
        and accounts.users[user.name].uid != user.uid
    }


def _judge(known: Mapping[str, int], moves: Mapping[str, _Move], kind: str) -> None:
    """Refuse to move root, and every number that two accounts would have afterwards."""
    word = "uid" if kind == "user" else "gid"
    after = dict(known) | {name: move.number for name, move in moves.items()}
    for name, move in moves.items():
        if known[name] == 0:
            raise FieldError(
                f"the {kind} {name} is {word} 0: the kernel knows it by that number",
                field=move.key,
                resolution=f"Leave out {word}, or pin it for another account.",
            )
        other = next(
            (n for n, number in after.items() if number == move.number and n != name), None
        )
        if other is not None:
            free = _free(set(after.values()))
            raise _taken(move.key, word, move.number, kind, other, free=free)
        twin = next((n for n, number in after.items() if number == known[name]), None)
        if twin is not None and known[twin] == known[name]:
            raise FieldError(
                f"{word} {known[name]} is {twin}'s too: whose files are to move cannot be told",
                field=move.key,
                resolution=f"Pin the {kind} {twin} to the same number, or leave both.",
            )


def _holder(known: Mapping[str, int], number: int | None) -> str | None:
    return next((name for name, taken in known.items() if taken == number), None)


def _taken(
    key: str, word: str, number: int | None, kind: str, holder: str, *, free: int | None = None
) -> FieldError:
    away = "" if free is None else f", as accounts: {{{kind}s: {{{holder}: {{{word}: {free}}}}}}}"
    return FieldError(
        f"{word} {number} belongs to the {kind} {holder}",
        field=key,
        resolution=f"Choose another {word}, or pin {holder} to another one as well{away}.",
    )


def _free(taken: set[int]) -> int | None:
    return next((number for number in reversed(SYSTEM_IDS) if number not in taken), None)


def _renumber(bench: Workbench, uids: Mapping[int, _Move], gids: Mapping[int, _Move]) -> None:
    """Move every entry of the tree that a moved account owns, links themselves included."""
    changed = [
        entry
        for entry in bench.tree
        if entry.kind is not Kind.HARDLINK and (entry.uid in uids or entry.gid in gids)
    ]
    for entry in changed:
        user, group = uids.get(entry.uid), gids.get(entry.gid)
        moves = [move for move in (user, group) if move is not None]
        bench.edit(
            Change(
                path=entry.path,
                reason=Reason(Origin.RECIPE, moves[0].key, "pinned id"),
                uid=None if user is None else user.number,
                gid=None if group is None else group.number,
            )
        )
