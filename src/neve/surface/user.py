"""Which user an image runs as, and what that user may write.

The configuration's ``User`` is read as container engines do (OCI image-spec, config.md): a name
or a number, with or without a group; a number that no account has belongs to group 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from neve.inventory import Account, Inventory, InventoryFile
from neve.tree import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUser:
    """The numeric identity that a container starts with; ``name`` as the accounts have it, or
    the number.
    """

    name: str
    uid: int
    gids: frozenset[int]


def run_user(inventory: Inventory) -> RunUser | str:
    """Who the image runs as, or in a few words why that cannot be said."""
    if inventory.configuration is None:
        return "no image configuration says who it runs as"
    name, _, group = inventory.configuration.user.partition(":")
    name = name or "root"
    account = _account(inventory, name)
    if account is not None:
        uid, gid, shown = account.uid, account.gid, account.name
    elif name == "root":
        uid, gid, shown = 0, 0, "root"
    elif name.isdecimal() and len(name) <= 10:
        uid, gid, shown = int(name), 0, name
    else:
        return f"it runs as {name}, who is no account of the image"
    if not group:
        also = {row.gid for row in inventory.groups if account and account.name in row.members}
        return RunUser(name=shown, uid=uid, gids=frozenset({gid, *also}))
    chosen = next((row.gid for row in inventory.groups if row.name == group), None)
    if chosen is None:
        if not (group.isdecimal() and len(group) <= 10):
            return f"it runs in the group {group}, which the image does not have"
        chosen = int(group)
    return RunUser(name=shown, uid=uid, gids=frozenset({chosen}))


def _account(inventory: Inventory, name: str) -> Account | None:
    by_name = (account for account in inventory.accounts if account.name == name)
    by_number = (account for account in inventory.accounts if str(account.uid) == name)
    return next(by_name, None) or next(by_number, None)


def may_write(user: RunUser, item: InventoryFile) -> bool:
    """Whether the path's own mode lets ``user`` write it; root may write everything.

    The first class that fits decides, as in the kernel: an owner without the bit may not.
    """
    if item.kind is Kind.SYMLINK:
        return False
    if user.uid == 0:
        return True
    if item.uid == user.uid:
        return bool(item.mode & 0o200)
    if item.gid in user.gids:
        return bool(item.mode & 0o020)
    return bool(item.mode & 0o002)
