"""Debian's static accounts: the numbers that owner names in a package mean.

Source: passwd.master and group.master of base-passwd 3.6.1 (Debian Policy §9.2.2: 0-99 and
65534 are the same on every system). dpkg looks an owner's name up on the target and falls back to
the number in the archive (dpkg, src/main/archives.c); on a fresh system these are the names that
exist. ``_apt`` is left out: it is static only from Debian 13 on, and nothing is shipped as its.
"""

from __future__ import annotations

STATIC_USERS: dict[str, int] = {
    "root": 0,
    "daemon": 1,
    "bin": 2,
    "sys": 3,
    "sync": 4,
    "games": 5,
    "man": 6,
    "lp": 7,
    "mail": 8,
    "news": 9,
    "uucp": 10,
    "proxy": 13,
    "www-data": 33,
    "backup": 34,
    "list": 38,
    "irc": 39,
    "nobody": 65534,
}

STATIC_GROUPS: dict[str, int] = {
    "root": 0,
    "daemon": 1,
    "bin": 2,
    "sys": 3,
    "adm": 4,
    "tty": 5,
    "disk": 6,
    "lp": 7,
    "mail": 8,
    "news": 9,
    "uucp": 10,
    "man": 12,
    "proxy": 13,
    "kmem": 15,
    "dialout": 20,
    "fax": 21,
    "voice": 22,
    "cdrom": 24,
    "floppy": 25,
    "tape": 26,
    "sudo": 27,
    "audio": 29,
    "dip": 30,
    "www-data": 33,
    "backup": 34,
    "operator": 37,
    "list": 38,
    "irc": 39,
    "src": 40,
    "shadow": 42,
    "utmp": 43,
    "video": 44,
    "sasl": 45,
    "plugdev": 46,
    "staff": 50,
    "games": 60,
    "users": 100,
    "nogroup": 65534,
}
