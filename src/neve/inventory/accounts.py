"""Accounts and groups of an image, and how each account may log in.

Sources: passwd(5), shadow(5), group(5), crypt(5) for the schemes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from neve.errors import HostileInputError
from neve.inventory.types import Account, AccountGroup
from neve.inventory.view import View

_ID = re.compile(r"[0-9]{1,10}", re.ASCII)
_NO_LOGIN = ("nologin", "false", "sync")
_SCHEMES = (
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$7$", "scrypt"),
    ("$2", "bcrypt"),
    ("$6$", "sha512crypt"),
    ("$5$", "sha256crypt"),
    ("$sha1", "sha1crypt"),
    ("$md5", "sunmd5"),
    ("$1$", "md5crypt"),
    ("$3$", "nt"),
    ("_", "bsdicrypt"),
)


def read_accounts(view: View) -> Iterator[Account]:
    """The accounts of ``/etc/passwd`` in order; lines that are none are noted."""
    shadow = {
        name: password
        for name, _, rest in (line.partition(":") for line in view.lines("/etc/shadow"))
        for password in [rest.partition(":")[0]]
    }
    for name, password, uid, gid, _, home, shell in _rows(view, "/etc/passwd", 7):
        if _ID.fullmatch(gid) is None:
            view.note("/etc/passwd", f"{name[:40]}: no group id")
            continue
        in_shadow = password == "x"  # noqa: S105 - a field of passwd(5)
        held = shadow.get(name) if in_shadow else password
        yield Account(
            name=name,
            uid=int(uid),
            gid=int(gid),
            home=home,
            shell=shell,
            login=_is_login(view, shell or "/bin/sh"),
            password="" if held is None else password_state(held),
        )


def read_groups(view: View) -> Iterator[AccountGroup]:
    """The groups of ``/etc/group`` in order; lines that are none are noted."""
    for name, _, gid, members in _rows(view, "/etc/group", 4):
        names = tuple(member for member in members.split(",") if member)
        yield AccountGroup(name=name, gid=int(gid), members=names)


def password_state(field: str) -> str:
    """What the second field of a shadow line means: ``locked``, ``none``, ``hash SCHEME``."""
    if not field:
        return "none"
    if field.startswith(("!", "*")) or (len(field) < 13 and field[0] not in "_$"):
        return "locked"
    scheme = next((name for prefix, name in _SCHEMES if field.startswith(prefix)), None)
    if scheme is None:
        scheme = "des" if len(field) == 13 and not field.startswith("$") else "unknown"
    return f"hash {scheme}"


def _rows(view: View, path: str, fields: int) -> Iterator[list[str]]:
    text = (view.kept(path) or b"").decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split(":")
        if not line or line.startswith("#"):
            continue
        if len(parts) != fields or _ID.fullmatch(parts[2]) is None:
            view.note(path, f"line {number} is no account")
            continue
        yield parts


def _is_login(view: View, shell: str) -> bool:
    if posixpath.basename(shell) in _NO_LOGIN:
        return False
    try:
        return view.tree.locate(shell) is not None
    except HostileInputError:
        return True
