"""What an image does not need at run time: the pruning rules, as data with a reason each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRule:
    """Paths matching ``patterns`` go, but for those matching ``spares``.

    The rule rests when one of ``unless`` is in the tree. ``development`` rules look only at
    files of ``-dev`` packages that nobody asked for, in images without a compiler.
    """

    id: str
    why: str
    patterns: tuple[str, ...]
    spares: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    development: bool = False


_LICENCES = (
    "/usr/share/doc/**/copyright*",
    "/usr/share/doc/**/COPYING*",
    "/usr/share/doc/**/LICEN[CS]E*",
    "/usr/share/doc/**/NOTICE*",
)
_INIT = ("/usr/lib/systemd/systemd", "/usr/sbin/init", "/usr/bin/runit-init")

PRUNE_RULES: tuple[PruneRule, ...] = (
    PruneRule(
        id="prune-documentation",
        why="documentation; licence texts stay (Policy §12.5)",
        patterns=("/usr/share/doc/**", "/usr/share/doc-base", "/usr/share/gtk-doc"),
        spares=_LICENCES,
    ),
    PruneRule(
        id="prune-manuals",
        why="manual pages",
        patterns=("/usr/share/man", "/usr/local/man", "/usr/local/share/man", "/usr/X11R6/man"),
        unless=("/usr/bin/man",),
    ),
    PruneRule(
        id="prune-info",
        why="GNU info and help documents",
        patterns=("/usr/share/info", "/usr/share/help", "/usr/share/gnome/help"),
        unless=("/usr/bin/info",),
    ),
    PruneRule(
        id="prune-locales",
        why="translations of messages; C.UTF-8 (in /usr/lib/locale) and locale.alias stay",
        patterns=("/usr/share/locale/*",),
        spares=("/usr/share/locale/locale.alias",),
    ),
    PruneRule(
        id="prune-reporting",
        why="hooks of bug reporting and package checking tools",
        patterns=(
            "/usr/share/bug",
            "/usr/share/lintian",
            "/usr/share/linda",
            "/usr/share/apport",
            "/usr/share/reportbug",
            "/etc/apport",
        ),
    ),
    PruneRule(
        id="prune-menus",
        why="entries of Debian's menu system",
        patterns=("/usr/share/menu", "/usr/lib/menu", "/etc/menu", "/etc/menu-methods"),
    ),
    PruneRule(
        id="prune-completions",
        why="completions of interactive shells",
        patterns=(
            "/usr/share/bash-completion",
            "/etc/bash_completion.d",
            "/usr/share/zsh/vendor-completions",
            "/usr/share/zsh/site-functions",
            "/usr/share/fish/completions",
            "/usr/share/fish/vendor_completions.d",
            "/usr/share/fish/vendor_conf.d",
        ),
    ),
    PruneRule(
        id="prune-package-manager-data",
        why="configuration and hooks of the package manager, which the image does not hold;"
        " the package database in /var/lib/dpkg/status.d stays",
        patterns=(
            "/etc/apt",
            "/etc/dpkg",
            "/usr/share/dpkg",
            "/usr/lib/dpkg",
            "/usr/share/debconf",
            "/etc/debconf.conf",
            "/var/lib/apt",
            "/var/cache/apt",
            "/var/cache/debconf",
            "/etc/kernel",
            "/usr/share/initramfs-tools",
            "/etc/initramfs-tools",
        ),
        unless=("/usr/bin/dpkg",),
    ),
    PruneRule(
        id="prune-init-scripts",
        why="service definitions of an init system; an image starts its process itself."
        " sysusers.d and tmpfiles.d stay",
        patterns=(
            "/etc/init.d",
            "/etc/rc[0-9S].d",
            "/etc/init",
            "/etc/systemd",
            "/usr/lib/systemd/system",
            "/usr/lib/systemd/user",
            "/usr/lib/systemd/system-preset",
            "/usr/lib/systemd/user-preset",
            "/usr/lib/systemd/*-generators",
            "/usr/share/upstart",
        ),
        unless=_INIT,
    ),
    PruneRule(
        id="prune-cron-jobs",
        why="jobs of cron and logrotate, which the image does not hold",
        patterns=("/etc/cron.*", "/etc/logrotate.d"),
        unless=("/usr/sbin/cron", "/usr/sbin/anacron", "/usr/sbin/logrotate", *_INIT),
    ),
    PruneRule(
        id="prune-network-hooks",
        why="hooks of ifupdown, ppp, dhclient and resolvconf, which the image does not hold",
        patterns=(
            "/etc/network/if-*.d",
            "/etc/ppp/ip*.d",
            "/etc/dhcp/dhclient-*-hooks.d",
            "/etc/resolvconf",
        ),
        unless=("/usr/sbin/ifup", "/usr/sbin/pppd", "/usr/sbin/dhclient", "/usr/sbin/resolvconf"),
    ),
    PruneRule(
        id="prune-debugger-helpers",
        why="pretty printers and auto-load scripts of debuggers, which the image does not hold",
        patterns=("/usr/share/gdb", "/usr/share/gcc/python", "/usr/share/gcc-*/python"),
        unless=("/usr/bin/gdb",),
    ),
    PruneRule(
        id="prune-development",
        why="headers, static libraries and build descriptions of -dev packages nobody asked for",
        patterns=(
            "/usr/include",
            "/usr/lib/**/*.a",
            "/usr/lib/**/*.la",
            "/usr/lib/**/pkgconfig",
            "/usr/share/pkgconfig",
            "/usr/share/aclocal",
            "/usr/lib/**/cmake",
            "/usr/share/cmake",
        ),
        unless=("/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/g++", "/usr/bin/clang", "/usr/bin/cpp"),
        development=True,
    ),
)

EMPTIED_RULE = "prune-emptied"
"""Rule id for directories that hold nothing any more because of the rules above."""

HELPERS_RULE = PruneRule(
    id="prune-maintainer-helpers",
    why="helpers that only maintainer scripts and administrators of an installed system call",
    patterns=(
        "/usr/sbin/update-*",
        "/usr/bin/update-alternatives",
        "/usr/bin/deb-systemd-*",
        "/usr/bin/dpkg*",
        "/usr/sbin/dpkg-*",
        "/usr/bin/debconf*",
        "/usr/sbin/invoke-rc.d",
        "/usr/sbin/service",
        "/usr/sbin/pam-auth-update",
        "/usr/sbin/pam_getenv",
        "/usr/sbin/add-shell",
        "/usr/sbin/remove-shell",
        "/usr/sbin/install-info",
        "/usr/sbin/adduser",
        "/usr/sbin/addgroup",
        "/usr/sbin/deluser",
        "/usr/sbin/delgroup",
    ),
    unless=("/usr/bin/dpkg",),
)
