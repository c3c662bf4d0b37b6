"""Users and groups of an image: ``passwd(5)``, ``group(5)``, ``shadow(5)``, ``gshadow(5)``.

Owns the four files: what they start from, how ids are allocated, and how they are written.
No password is ever set: every account is locked. Starts from base-passwd's master files where
the image has them, else from a minimal set to which a statically numbered account (Policy
9.2.2) is added as soon as something names it or is owned by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from neve.effects.bench import Workbench
from neve.effects.static_ids import MINIMAL_GROUPS, MINIMAL_USERS, STATIC_GROUPS, STATIC_USERS
from neve.errors import ToolError
from neve.model import Origin, Reason

ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
"""What ``Accounts.write`` writes."""
_STATIC_AGES = "0:99999:7:::"
SYSTEM_IDS = range(100, 1000)
_MAX_ID = 2**32 - 2  # (uid_t)-1 means "no change" to chown(2)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")


class AccountError(ToolError):
    """An account cannot be made or found."""

    def __init__(self, problem: str, resolution: str) -> None:
        super().__init__(problem, resolution=resolution)


@dataclass(slots=True, kw_only=True)
class UserAccount:
    """One line of ``passwd`` and its ``shadow`` line; ``lock`` is the locked password field,
    which stands in ``passwd`` itself where the account is not ``shadowed``.
    """

    name: str
    uid: int
    gid: int
    comment: str = ""
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    lock: str = "!"
    ages: str = ":::::"
    shadowed: bool = True


@dataclass(slots=True, kw_only=True)
class GroupAccount:
    """One line of ``group`` and its ``gshadow`` line."""

    name: str
    gid: int
    members: list[str] = field(default_factory=list)
    lock: str = "!"
    shadowed: bool = True


class Accounts:
    """The users and groups of one image, in file order."""

    def __init__(self, *, day: int) -> None:
        self.users: dict[str, UserAccount] = {}
        self.groups: dict[str, GroupAccount] = {}
        self.changed_by: list[str] = []
        self._reasons: dict[str, Reason] = {}
        self.shadowed = False
        self._day = day
        self._days: dict[str, int] = {}

    @classmethod
    def start(cls, bench: Workbench) -> Accounts:
        """Those of ``bench``'s tree: its ``/etc/passwd``, else base-passwd's, else minimal."""
        day = bench.context.time // 86400
        held = bench.tree.locate("/etc/passwd")
        if held is not None and bench.bytes_of(held) is not None:
            accounts = cls._read(bench, "/etc/passwd", "/etc/group", day)
            accounts.made_by(held.reason)
            return accounts
        if bench.content("/usr/share/base-passwd/passwd.master") is not None:
            master = "/usr/share/base-passwd"
            accounts = cls._read(bench, f"{master}/passwd.master", f"{master}/group.master", day)
            for user in accounts.users.values():
                user.ages, user.shadowed = _STATIC_AGES, accounts.shadowed
            for group in accounts.groups.values():
                group.shadowed = accounts.shadowed
            accounts.changed_by.append("base-passwd")
            accounts.made_by(Reason(Origin.EFFECT, "base-passwd", "in its master file"))
            return accounts
        accounts = cls(day=day)
        accounts.shadowed = _has_shadow(bench)
        for name in MINIMAL_GROUPS:
            accounts._add_static_group(name)
        for name in MINIMAL_USERS:
            accounts._add_static_user(name)
        accounts.made_by(Reason(Origin.RULE, "minimal-accounts", "every image has it"))
        return accounts

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """``user NAME`` or ``group NAME`` → what made the account."""
        return self._reasons

    def made_by(self, reason: Reason) -> None:
        """Everything that was made since this was last called was made for ``reason``."""
        for kind, names in (("user", self.users), ("group", self.groups)):
            for name in names:
                self._reasons.setdefault(f"{kind} {name}", reason)

    @classmethod
    def _read(cls, bench: Workbench, passwd: str, group: str, day: int) -> Accounts:
        accounts = cls(day=day)
        accounts.shadowed = _has_shadow(bench)
        for name, lock, uid, gid, comment, home, shell in _lines(bench.text(passwd), 7, passwd):
            accounts.users[name] = UserAccount(
                name=name,
                uid=_number(uid, passwd),
                gid=_number(gid, passwd),
                comment=comment,
                home=home,
                shell=shell,
                lock=lock if lock != "x" else "!",
                shadowed=lock == "x",
            )
        for name, lock, gid, members in _lines(bench.text(group), 4, group):
            accounts.groups[name] = GroupAccount(
                name=name,
                gid=_number(gid, group),
                members=[m for m in members.split(",") if m],
                lock=lock if lock != "x" else "!",
                shadowed=lock == "x",
            )
        for name, lock, days, ages in _lines(
            bench.text("/etc/shadow"), 4, "/etc/shadow", rest=True
        ):
            if name in accounts.users:
                accounts.users[name].lock = lock
                accounts.users[name].ages = ages
                accounts._days[name] = _number(days or str(day), "/etc/shadow")
        for name, lock, _, _ in _lines(bench.text("/etc/gshadow"), 4, "/etc/gshadow"):
            if name in accounts.groups:
                accounts.groups[name].lock = lock
        return accounts

    def uid(self, owner: str) -> int:
        """The id of a user name or numeric string; raises ``AccountError`` for an unknown one."""
        if owner.isascii() and owner.isdigit():
            return _number(owner, "an owner")
        if owner not in self.users and owner in STATIC_USERS:
            self._add_static_user(owner)
        if owner not in self.users:
            raise AccountError(
                f"no user is named {owner!r}",
                "Add it under accounts.users in the recipe, or the package that creates it.",
            )
        return self.users[owner].uid

    def gid(self, group: str) -> int:
        """The id of a group name or numeric string; raises ``AccountError`` for an unknown one."""
        if group.isascii() and group.isdigit():
            return _number(group, "a group")
        if group not in self.groups and group in STATIC_GROUPS:
            self._add_static_group(group)
        if group not in self.groups:
            raise AccountError(
                f"no group is named {group!r}",
                "Add it under accounts.groups in the recipe, or the package that creates it.",
            )
        return self.groups[group].gid

    def add_group(
        self,
        name: str,
        *,
        gid: int | None = None,
        allocator: str = "adduser",
        shadowed: bool = True,
    ) -> None:
        """Create a group if it is missing, as ``addgroup --system`` or sysusers would."""
        self._check(name)
        if name in self.groups:
            return
        if gid is None and name in STATIC_GROUPS:
            self._add_static_group(name)
            return
        if gid is None:
            gid = self._free_gid(allocator)
        lock = "!*" if allocator == "sysusers" else "!" if shadowed else "*"
        self.groups[name] = GroupAccount(name=name, gid=_checked(gid), lock=lock, shadowed=shadowed)

    def add_user(self, user: UserAccount) -> None:
        """Add a user whose ids are decided; the name must be free and well-formed."""
        self._check(user.name)
        if ":" in user.comment or "\n" in user.comment or "\n" in user.home or ":" in user.home:
            raise AccountError(
                f"user {user.name}: a comment or home holds a colon or line break",
                "Take it out: passwd(5) has no way to write it.",
            )
        _checked(user.uid)
        _checked(user.gid)
        self.users.setdefault(user.name, user)

    def add_member(self, user: str, group: str) -> None:
        """Put ``user`` into ``group``'s member list; both must exist."""
        self.gid(group)
        self.uid(user)
        members = self.groups[group].members
        if user not in members:
            members.append(user)

    def free_uid(self, allocator: str) -> int:
        """A free system uid: ``adduser`` counts up from 100, ``sysusers`` down from 999 and
        takes only a number that is free as a gid too.
        """
        uids = {user.uid for user in self.users.values()}
        if allocator == "sysusers":
            uids |= {group.gid for group in self.groups.values()}
        return _first_free(uids, allocator)

    def name_ids(self, uids: Iterable[int], gids: Iterable[int]) -> None:
        """Make sure that statically numbered ids which own something have a name."""
        known_uids = {user.uid for user in self.users.values()}
        known_gids = {group.gid for group in self.groups.values()}
        for name, (uid, *_) in STATIC_USERS.items():
            if uid in uids and uid not in known_uids and name not in self.users:
                self._add_static_user(name)
        for name, gid in STATIC_GROUPS.items():
            if gid in gids and gid not in known_gids and name not in self.groups:
                self._add_static_group(name)

    def lock(self) -> str:
        """The locked password field of an account that no package made."""
        return "!" if self.shadowed else "*"

    def write(self, bench: Workbench, reason: Reason) -> None:
        """Write the files where they differ from what the tree holds.

        ``shadow`` and ``gshadow`` exist where an account stands in them: as ``shadowconfig``
        makes them with the package passwd, as systemd-sysusers does without it.
        """
        bench.write("/etc/passwd", self._passwd(), reason)
        bench.write("/etc/group", self._group(), reason)
        group = self.groups.get("shadow")
        mode, gid = (0o640, group.gid) if self.shadowed and group is not None else (0, 0)
        for path, data in (("/etc/shadow", self._shadow()), ("/etc/gshadow", self._gshadow())):
            if data:
                bench.write(path, data, reason, mode=mode, gid=gid)

    def _passwd(self) -> bytes:
        return _encode(
            f"{u.name}:{'x' if u.shadowed else u.lock}:{u.uid}:{u.gid}"
            f":{u.comment}:{u.home}:{u.shell}"
            for u in self.users.values()
        )

    def _group(self) -> bytes:
        return _encode(
            f"{g.name}:{'x' if g.shadowed else g.lock}:{g.gid}:{','.join(g.members)}"
            for g in self.groups.values()
        )

    def _shadow(self) -> bytes:
        return _encode(
            f"{u.name}:{u.lock}:{self._days.get(u.name, self._day)}:{u.ages}"
            for u in self.users.values()
            if u.shadowed
        )

    def _gshadow(self) -> bytes:
        return _encode(
            f"{g.name}:{g.lock}::{','.join(g.members)}" for g in self.groups.values() if g.shadowed
        )

    def _free_gid(self, allocator: str) -> int:
        # The fixed numbers stay free for their owners, who may be named later: 100 is "users".
        gids = {group.gid for group in self.groups.values()} | set(STATIC_GROUPS.values())
        if allocator == "sysusers":
            gids |= {user.uid for user in self.users.values()}
        return _first_free(gids, allocator)

    def _add_static_user(self, name: str) -> None:
        uid, gid, comment, home, shell = STATIC_USERS[name]
        for group, number in STATIC_GROUPS.items():
            if number == gid and group not in self.groups:
                self._add_static_group(group)
        self.users[name] = UserAccount(
            name=name,
            uid=uid,
            gid=gid,
            comment=comment,
            home=home,
            shell=shell,
            lock="*",
            ages=_STATIC_AGES,
            shadowed=self.shadowed,
        )

    def _add_static_group(self, name: str) -> None:
        self.groups[name] = GroupAccount(
            name=name, gid=STATIC_GROUPS[name], lock="*", shadowed=self.shadowed
        )

    def _check(self, name: str) -> None:
        if not _NAME.fullmatch(name) or len(name) > 32 or name.isdigit():
            raise AccountError(
                f"{name!r} is no name for a user or group",
                "Use up to 32 letters, digits, dots, hyphens and underscores (useradd(8)).",
            )


def _has_shadow(bench: Workbench) -> bool:
    """Whether the package passwd, whose script turns shadow passwords on, is in the image."""
    return bench.tree.locate("/usr/sbin/pwconv") is not None


def _first_free(taken: set[int], allocator: str) -> int:
    order = reversed(SYSTEM_IDS) if allocator == "sysusers" else SYSTEM_IDS
    for number in order:
        if number not in taken:
            return number
    raise AccountError(
        "no system id is free between 100 and 999", "Give the recipe's accounts fixed ids."
    )


def _lines(text: str | None, fields: int, path: str, *, rest: bool = False) -> list[list[str]]:
    found = []
    for line in (text or "").splitlines():
        if not line.strip():
            continue
        parts = line.split(":", fields - 1) if rest else line.split(":")
        if len(parts) != fields:
            raise AccountError(
                f"{path}: a line has {len(parts)} fields, not {fields}: {line!r}",
                "Remove the file from the recipe, or give accounts under accounts:.",
            )
        found.append(parts)
    return found


def _number(text: str, where: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return _checked(int(text))
    raise AccountError(f"{where}: not an id: {text!r}", "Write a number from 0 to 4294967294.")


def _checked(number: int) -> int:
    if 0 <= number <= _MAX_ID:
        return number
    raise AccountError(f"not an id: {number}", "Write a number from 0 to 4294967294.")


def _encode(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
