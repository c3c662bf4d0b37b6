"""Which dependencies only maintainer scripts need: data with the reason for each row.

Nothing here is dropped on its name alone: ``resolve.drop`` asks for evidence from the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

DROP_RULES_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRule:
    """Dependencies on ``packages`` (fnmatch patterns) serve maintainer scripts alone.

    ``dependents`` limits the rule to dependencies of those packages, ``beside`` to clauses that
    also name one of those packages as an alternative. ``unless`` are file name patterns of kept
    files that need the package without a shebang or soname saying so.
    """

    id: str
    why: str
    packages: tuple[str, ...]
    dependents: tuple[str, ...] = ("*",)
    beside: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def covers(self, dependent: str, package: str, clause_names: frozenset[str]) -> bool:
        """Whether a dependency of ``dependent`` on ``package`` is for maintainer scripts."""
        return (
            any(fnmatchcase(package, pattern) for pattern in self.packages)
            and any(fnmatchcase(dependent, pattern) for pattern in self.dependents)
            and (not self.beside or not clause_names.isdisjoint(self.beside))
        )


DROP_RULES: tuple[DropRule, ...] = (
    DropRule(
        id="drop-questions",
        why="debconf asks questions in config and postinst scripts (debconf-devel(7))",
        packages=("debconf", "cdebconf", "libdebconfclient0", "dbconfig-common", "dbconfig-*"),
    ),
    DropRule(
        id="drop-account-tools",
        why="accounts are made by postinst scripts (Policy §9.2.2), here by effects",
        packages=("adduser", "passwd"),
    ),
    DropRule(
        id="drop-service-tools",
        why="deb-systemd-helper, update-rc.d and init-functions serve postinst and init scripts"
        " (Policy §9.3); an image has no init",
        packages=("init-system-helpers", "sysvinit-utils", "lsb-base", "update-inetd"),
    ),
    DropRule(
        id="drop-conffile-tools",
        why="ucf and sensible-editor ask about changed configuration files in postinst scripts",
        packages=("ucf", "sensible-utils"),
    ),
    DropRule(
        id="drop-package-manager",
        why="dpkg is named for dpkg-maintscript-helper, triggers and update-alternatives; tar is"
        " what dpkg itself unpacks with",
        packages=("dpkg", "tar", "install-info"),
    ),
    DropRule(
        id="drop-perl",
        why="perl-base is named for maintainer scripts written in Perl",
        packages=("perl-base",),
        unless=("*.pm", "*.pl", "*.plx"),
    ),
    DropRule(
        id="drop-sysusers",
        why="systemd-sysusers and systemd-tmpfiles run in postinst scripts, here as effects",
        packages=("systemd", "systemd-standalone-*", "opensysusers", "opentmpfiles"),
        beside=(
            "systemd-sysusers",
            "systemd-tmpfiles",
            "systemd-standalone-sysusers",
            "systemd-standalone-tmpfiles",
            "opensysusers",
        ),
    ),
    DropRule(
        id="drop-awk",
        why="base-files names awk so that maintainer scripts may count on one (Policy §3.8)",
        packages=("mawk", "gawk", "original-awk", "busybox"),
        dependents=("base-files",),
    ),
    DropRule(
        id="drop-certificate-tools",
        why="openssl rehashes the bundle in update-ca-certificates, here done by an effect",
        packages=("openssl",),
        dependents=("ca-certificates", "ca-certificates-java", "ssl-cert"),
    ),
)

ORPHAN_RULE = "drop-orphan"
"""Rule id of packages that only dropped packages depend on."""
