"""``systemd-sysusers``: sysusers.d(5) lines turned into accounts. Owns no file itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neve.effects.accounts import Accounts, UserAccount
from neve.effects.bench import EffectError, Workbench

DIRECTORIES = ("/etc/sysusers.d", "/usr/local/lib/sysusers.d", "/usr/lib/sysusers.d")
_NOLOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    kind: str
    expired: bool
    name: str
    id: str
    comment: str
    home: str
    shell: str


def configuration_files(
    bench: Workbench, directories: Sequence[str], names: Iterable[str], suffix: str = ".conf"
) -> list[tuple[str, str]]:
    """(path, text) of the named files, or of all, earlier directories overriding later ones.

    As systemd reads its configuration directories: sorted by file name whatever the directory;
    a link to ``/dev/null`` masks.
    """
    found: dict[str, tuple[str, str]] = {}
    for directory in directories:
        home = bench.tree.resolve(directory)
        for name in bench.tree.children(home):
            if not name.endswith(suffix) or name in found:
                continue
            path = f"{directory}/{name}"
            found[name] = (path, bench.text(path) or "")
    wanted = [name.rsplit("/", 1)[-1] for name in names]
    chosen = wanted or sorted(found)
    return [found[name] for name in chosen if name in found]


def apply_sysusers(
    bench: Workbench, accounts: Accounts, package: str, names: Sequence[str]
) -> None:
    """Create the accounts of the named files (of all, if none is named)."""
    lines: list[_Line] = []
    for path, text in configuration_files(bench, DIRECTORIES, names):
        lines += _parse(path, text, package)
    for line in lines:
        if line.kind == "g":
            accounts.add_group(line.name, gid=_group_id(accounts, line), allocator="sysusers")
    for line in lines:
        if line.kind == "u":
            _add_user(accounts, line)
    for line in lines:
        if line.kind == "m":
            if line.name not in accounts.users:
                _add_user(accounts, line)
            if line.id not in accounts.groups:
                accounts.add_group(line.id, allocator="sysusers")
            accounts.add_member(line.name, line.id)


def _add_user(accounts: Accounts, line: _Line) -> None:
    if line.name in accounts.users:
        return
    wanted = line.id if line.kind == "u" else "-"
    uid_text, _, group_text = wanted.partition(":")
    taken = {user.uid for user in accounts.users.values()}
    uid = int(uid_text) if uid_text.isdigit() and int(uid_text) not in taken else None
    if group_text:
        gid = accounts.gid(group_text)
    elif line.name in accounts.groups:
        gid = accounts.groups[line.name].gid
        uid = gid if uid is None and gid not in taken else uid
    else:
        gids = {group.gid for group in accounts.groups.values()}
        if uid is None or uid in gids:
            gid = accounts.free_uid("sysusers")
            uid = gid if uid is None else uid
        else:
            gid = uid
        accounts.add_group(line.name, gid=gid, allocator="sysusers")
    if uid is None:
        uid = accounts.free_uid("sysusers")
    accounts.add_user(
        UserAccount(
            name=line.name,
            uid=uid,
            gid=gid,
            comment=line.comment,
            home=line.home or "/",
            shell=line.shell or ("/bin/sh" if uid == 0 else _NOLOGIN),
            lock="!*",
            ages="::::1:" if line.expired else ":::::",
        )
    )


def _group_id(accounts: Accounts, line: _Line) -> int | None:
    """The wanted gid unless somebody has it; a user of that name lends its own number."""
    taken = {group.gid for group in accounts.groups.values()}
    if line.id.isdigit() and int(line.id) not in taken:
        return int(line.id)
    user = accounts.users.get(line.name)
    return user.uid if user is not None and user.uid not in taken else None


def _parse(path: str, text: str, package: str) -> list[_Line]:
    found: list[_Line] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        try:
            words = shlex.split(raw, posix=True)
        except ValueError as error:
            raise EffectError(package, f"{path}:{number}: {error}") from None
        kind = words[0].rstrip("!") if words else ""
        if kind == "r":
            continue
        words += ["-"] * (6 - len(words))
        if kind not in ("u", "g", "m") or len(words) > 6 or words[1] == "-":
            raise EffectError(package, f"{path}:{number}: not a sysusers.d line: {raw!r}")
        if "%" in "".join(words[1:3]).replace("%%", ""):
            raise EffectError(package, f"{path}:{number}: a specifier of the running system")
        values = ["" if word == "-" else word.replace("%%", "%") for word in words]
        found.append(
            _Line(
                kind=kind,
                expired=words[0].endswith("!"),
                name=values[1],
                id=values[2] or "-",
                comment=values[3],
                home=values[4],
                shell=values[5],
            )
        )
    return found
