"""The recording stand-ins for commands whose result depends on the rest of an image.

A stand-in is bound over a command that the traced root really has; whether a command exists is
thus answered by the packages. ``PASS`` notes the call and runs the real command (later lines of
a script may look at what it did); ``SKIP`` notes it and reports success, for what is generated
from the finished tree, would start something, or makes a secret or a database cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neve.sandbox.trace_record import Command

PASS = frozenset(
    [
        "update-alternatives",
        "dpkg-divert",
        "dpkg-statoverride",
        "adduser",
        "addgroup",
        "deluser",
        "delgroup",
        "useradd",
        "groupadd",
        "usermod",
        "groupmod",
        "userdel",
        "groupdel",
        "gpasswd",
        "systemd-sysusers",
        "ucf",
        "ucfr",
        "a2enmod",
        "a2dismod",
        "a2ensite",
        "a2dissite",
        "a2enconf",
        "a2disconf",
        "phpenmod",
        "phpdismod",
        "phpquery",
        "php-query",
    ]
)
SKIP = frozenset(
    [
        "ldconfig",
        "dpkg-trigger",
        "update-ca-certificates",
        "update-ca-certificates-fresh",
        "systemd-tmpfiles",
        "systemd-hwdb",
        "systemd-machine-id-setup",
        "systemd-tty-ask-password-agent",
        "systemctl",
        "journalctl",
        "udevadm",
        "dbus-send",
        "loginctl",
        "update-rc.d",
        "invoke-rc.d",
        "service",
        "start-stop-daemon",
        "rc-update",
        "insserv",
        "deb-systemd-helper",
        "deb-systemd-invoke",
        "telinit",
        "init",
        "initctl",
        "py3compile",
        "pycompile",
        "py3clean",
        "pyclean",
        "pypy3compile",
        "py3versions-update",
        "fc-cache",
        "update-mime-database",
        "update-mime",
        "update-desktop-database",
        "gtk-update-icon-cache",
        "update-icon-caches",
        "glib-compile-schemas",
        "gio-querymodules",
        "gdk-pixbuf-query-loaders",
        "gtk-query-immodules-3.0",
        "gtk4-update-icon-cache",
        "install-info",
        "update-info-dir",
        "mandb",
        "update-menus",
        "update-xmlcatalog",
        "update-catalog",
        "update-fonts-dir",
        "update-fonts-scale",
        "update-fonts-alias",
        "mkfontdir",
        "mkfontscale",
        "mktexlsr",
        "mktexlsr.pl",
        "texhash",
        "updmap",
        "updmap-sys",
        "fmtutil",
        "fmtutil-sys",
        "update-updmap",
        "update-texmf",
        "update-language",
        "update-fmtutil",
        "update-texmf-config",
        "update-initramfs",
        "update-grub",
        "depmod",
        "modprobe",
        "sysctl",
        "iptables-apply",
        "setcap",
        "mount",
        "umount",
        "chattr",
        "ssh-keygen",
        "make-ssl-cert",
        "rndc-confgen",
        "mcookie",
        "pwgen",
        "uuidgen",
        "dbus-uuidgen",
        "unbound-anchor",
        "unbound-control-setup",
        "nsd-control-setup",
        "certtool",
        "keytool",
        "mysql_install_db",
        "mariadb-install-db",
        "mysqld",
        "mariadbd",
        "initdb",
        "pg_createcluster",
        "pg_ctlcluster",
        "pg_lsclusters",
        "pg_updatedicts",
        "slapadd",
        "slapcat",
        "slaptest",
        "newaliases",
        "postmap",
        "postalias",
        "apparmor_parser",
        "aa-enabled",
    ]
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
