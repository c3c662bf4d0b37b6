"""The recording stand-ins for commands whose result depends on the rest of an image.

A stand-in is bound over a command that the traced root really has; whether a command exists is
thus answered by the packages. ``PASS`` notes the call and runs the real command (later lines of
a script may look at what it did); ``SKIP`` notes it and reports success, for what is generated
from the finished tree, would start something, or makes a database cluster. What makes a secret
runs, as scripts look at its result: two runs differ, and so it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neve.sandbox.trace_record import Command

PASS = frozenset(
    (
        "a2disconf",
        "a2dismod",
        "a2dissite",
        "a2enconf",
        "a2enmod",
        "a2ensite",
        "addgroup",
        "adduser",
        "certtool",
        "delgroup",
        "deluser",
        "dpkg-divert",
        "dpkg-statoverride",
        "gpasswd",
        "groupadd",
        "groupdel",
        "groupmod",
        "keytool",
        "make-ssl-cert",
        "mcookie",
        "nsd-control-setup",
        "php-query",
        "phpdismod",
        "phpenmod",
        "phpquery",
        "pwgen",
        "rndc-confgen",
        "ssh-keygen",
        "systemd-sysusers",
        "ucf",
        "ucfr",
        "unbound-control-setup",
        "update-alternatives",
        "useradd",
        "userdel",
        "usermod",
        "uuidgen",
    )
)
SKIP = frozenset(
    (
        "aa-enabled",
        "apparmor_parser",
        "chattr",
        "dbus-send",
        "dbus-uuidgen",
        "deb-systemd-helper",
        "deb-systemd-invoke",
        "depmod",
        "dpkg-trigger",
        "fc-cache",
        "fmtutil",
        "fmtutil-sys",
        "gdk-pixbuf-query-loaders",
        "gio-querymodules",
        "glib-compile-schemas",
        "gtk-query-immodules-3.0",
        "gtk-update-icon-cache",
        "gtk4-update-icon-cache",
        "init",
        "initctl",
        "initdb",
        "insserv",
        "install-info",
        "invoke-rc.d",
        "iptables-apply",
        "journalctl",
        "ldconfig",
        "loginctl",
        "mandb",
        "mariadb-install-db",
        "mariadbd",
        "mkfontdir",
        "mkfontscale",
        "mktexlsr",
        "mktexlsr.pl",
        "modprobe",
        "mount",
        "mysql_install_db",
        "mysqld",
        "newaliases",
        "pg_createcluster",
        "pg_ctlcluster",
        "pg_lsclusters",
        "pg_updatedicts",
        "postalias",
        "postmap",
        "py3clean",
        "py3compile",
        "py3versions-update",
        "pyclean",
        "pycompile",
        "pypy3compile",
        "rc-update",
        "service",
        "setcap",
        "slapadd",
        "slapcat",
        "slaptest",
        "start-stop-daemon",
        "sysctl",
        "systemctl",
        "systemd-hwdb",
        "systemd-machine-id-setup",
        "systemd-tmpfiles",
        "systemd-tty-ask-password-agent",
        "telinit",
        "texhash",
        "udevadm",
        "umount",
        "unbound-anchor",
        "update-ca-certificates",
        "update-ca-certificates-fresh",
        "update-catalog",
        "update-desktop-database",
        "update-fmtutil",
        "update-fonts-alias",
        "update-fonts-dir",
        "update-fonts-scale",
        "update-grub",
        "update-icon-caches",
        "update-info-dir",
        "update-initramfs",
        "update-language",
        "update-menus",
        "update-mime",
        "update-mime-database",
        "update-rc.d",
        "update-texmf",
        "update-texmf-config",
        "update-updmap",
        "update-xmlcatalog",
        "updmap",
        "updmap-sys",
    )
)

_STUB = """#!/bin/sh
if [ -z "${{NEVE_NESTED-}}" ]; then
  printf '%s\\0' "$(($# + 1))" "${{0##*/}}" "$@" >> {log}
fi
{act}
"""
_RUN = """NEVE_NESTED=1; export NEVE_NESTED
case $0 in /*) exec "{real}$0" "$@" ;; *) exec "{real}$(command -v -- "$0")" "$@" ;; esac"""


def write_stubs(directory: Path, *, log: str, real: str) -> None:
    """Put the two kinds of stand-in into ``directory`` as ``pass`` and ``skip``.

    ``log`` and ``real`` are paths inside the sandbox: the record and a second view of the root.
    """
    for name, act in (("pass", _RUN.format(real=real)), ("skip", "exit 0")):
        path = directory / name
        path.write_text(_STUB.format(log=log, act=act), encoding="ascii")
        path.chmod(0o755)


def stub_paths(lowers: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    """(path, kind of stand-in) for each recorded command that the layers ``lowers`` hold."""
    found: dict[str, str] = {}
    for place in ("usr/bin", "usr/sbin"):
        for layer in lowers:
            try:
                names = [e.name for e in (layer / place).iterdir() if _is_own(e)]
            except (FileNotFoundError, NotADirectoryError):
                continue
            for name in names:
                if name in PASS:
                    found[f"/{place}/{name}"] = "pass"
                elif name in SKIP:
                    found[f"/{place}/{name}"] = "skip"
    return tuple(sorted(found.items()))


def _is_own(entry: Path) -> bool:
    """A stand-in is bound over the file itself: a link to some other program is left alone."""
    return not entry.is_symlink() or str(entry.readlink()) in PASS | SKIP


def read_commands(record: bytes) -> tuple[Command, ...]:
    """The calls that the stand-ins noted: a count and that many NUL-ended words, each."""
    words = record.decode("utf-8", "surrogateescape").split("\0")
    commands: list[Command] = []
    at = 0
    while at < len(words) and words[at].isdecimal():
        count = int(words[at])
        commands.append(Command(tuple(words[at + 1 : at + 1 + count])))
        at += 1 + count
    return tuple(commands)
