"""The accounts whose ids Debian fixes for every system: 0-99 and 65534 (Policy 9.2.2).

Source: ``passwd.master`` and ``group.master`` of base-passwd 3.6. Used where an image has no
base-passwd but something in it names or is owned by one of them. Data only.
"""

from __future__ import annotations

from collections.abc import Mapping

from neve.formats.deb.accounts import STATIC_GROUPS

# name → (uid, gid, comment, home, shell)
STATIC_USERS: Mapping[str, tuple[int, int, str, str, str]] = {
    "root": (0, 0, "root", "/root", "/usr/sbin/nologin"),
    "daemon": (1, 1, "daemon", "/usr/sbin", "/usr/sbin/nologin"),
    "bin": (2, 2, "bin", "/bin", "/usr/sbin/nologin"),
    "sys": (3, 3, "sys", "/dev", "/usr/sbin/nologin"),
    "sync": (4, 65534, "sync", "/bin", "/bin/sync"),
    "games": (5, 60, "games", "/usr/games", "/usr/sbin/nologin"),
    "man": (6, 12, "man", "/var/cache/man", "/usr/sbin/nologin"),
    "lp": (7, 7, "lp", "/var/spool/lpd", "/usr/sbin/nologin"),
    "mail": (8, 8, "mail", "/var/mail", "/usr/sbin/nologin"),
    "news": (9, 9, "news", "/var/spool/news", "/usr/sbin/nologin"),
    "uucp": (10, 10, "uucp", "/var/spool/uucp", "/usr/sbin/nologin"),
    "proxy": (13, 13, "proxy", "/bin", "/usr/sbin/nologin"),
    "www-data": (33, 33, "www-data", "/var/www", "/usr/sbin/nologin"),
    "backup": (34, 34, "backup", "/var/backups", "/usr/sbin/nologin"),
    "list": (38, 38, "Mailing List Manager", "/var/list", "/usr/sbin/nologin"),
    "irc": (39, 39, "ircd", "/run/ircd", "/usr/sbin/nologin"),
    "_apt": (42, 65534, "", "/nonexistent", "/usr/sbin/nologin"),
    "nobody": (65534, 65534, "nobody", "/nonexistent", "/usr/sbin/nologin"),
}

__all__ = ["MINIMAL_GROUPS", "MINIMAL_USERS", "STATIC_GROUPS", "STATIC_USERS"]

MINIMAL_USERS = ("root", "nobody")
MINIMAL_GROUPS = ("root", "nogroup")
