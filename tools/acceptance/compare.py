"""The comparison, and the exceptions: path patterns with their causes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tools.acceptance.manifest import Manifest, Node

MAX_EXCEPTIONS = 10
PRIVILEGED = (
    r"/usr/(s?bin/(postdrop|postqueue|crontab|ssh-agent)|lib/squid/pinger"
    r"|lib/dbus-1\.0/dbus-daemon-launch-helper|lib/polkit-1/polkit-agent-helper-1)"
)
"""Counts only where nothing but these bits differs."""
EXCEPTIONS: tuple[tuple[str, str], ...] = (
    (
        r"/var/lib/(dpkg|apt|systemd/deb-systemd-[^/]+|ucf|pam|update-rc\.d)(/.*)?|/var/lib/(apache2/(conf|module|site)|php/modules)(/.*)?|/etc/apt(/.*)?|/var/cache/(apt|debconf)(/.*)?",
        "state of the installing tools; an image names its packages in status.d",
    ),
    (
        r"/(proc|sys|dev|run|tmp)(/.*)?|/etc/(hostname|resolv\.conf|machine-id|hosts)",
        "made by whoever starts the container, or by mmdebstrap for its own chroot",
    ),
    (
        r"/var/lib/systemd/catalog(/.*)?|/etc/rc[0-6S]\.d(/.*)?|/etc/systemd/(system|user)(/.*)?|/etc/init\.d/\.depend.*",
        "services at boot and their journal: a container starts one program",
    ),
    (
        r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock",
        "account files: compared account by account, not by bytes",
    ),
    (
        r"/etc/ld\.so\.cache|/var/cache/ldconfig(/.*)?",
        "the loader's cache holds the libraries of the Essential packages too",
    ),
    (
        r"/etc/ssl/certs/java/cacerts",
        "a Java key store holds the moment at which each certificate was added",
    ),
    (r".*/__pycache__(/.*)?|.*\.pyc", "Python is compiled after pruning, in the sandbox"),
    (r"/var/cache/man(/.*)?|/usr/share/man(/.*)?", "manual pages and their index"),
    (
        r"/etc/pam\.d/common-.*|/etc/(shells|environment)|/var/lib/shells\.state",
        "merged from what the Essential packages bring",
    ),
    (r"/var/log/.*|/root(/.*)?", "written while installing"),
    (
        r"/(etc|var/lib)/postgresql/[0-9]+(/.*)?|/var/cache/postgresql(/.*)?|/var/lib/mysql(/.*)?",
        "a database cluster, made when the image first runs",
    ),
    (
        r"/var/cache/fontconfig(/.*)?|/etc/aliases\.db|/var/lib/sgml-base/supercatalog",
        "a cache or index that its own tool makes on use",
    ),
    (r"/etc/postfix/main\.cf", "holds the installing machine's name"),
    (PRIVILEGED, "setuid and setgid bits that a script sets are never in an image"),
    (
        r"/etc/ssl/private/.*|/etc/ssh/ssh_host_.*|.*/rndc\.key|/etc/ssl/certs/ssl-cert-.*",
        "a secret that a script generates: never in an image",
    ),
)


@dataclass(slots=True)
class Result:
    """``differences`` are lines for people; ``exceptions`` what matched a pattern, with counts."""

    compared: int = 0
    exceptions: list[dict[str, object]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def compare(made: Manifest, installed: Manifest, essential: Manifest) -> Result:
    """Neve's tree against a real installation, without what Essential packages alone bring."""
    result = Result()
    counted: dict[int, list[str]] = {}
    for path, text in sorted(_differences(made, installed, essential, result)):
        for number, (pattern, _) in enumerate(EXCEPTIONS):
            if _matches(pattern, path, made, installed):
                counted.setdefault(number, []).append(text)
                break
        else:
            result.differences.append(text)
    result.differences.extend(_accounts(made, installed, essential))
    for number in sorted(counted):
        pattern, cause = EXCEPTIONS[number]
        result.exceptions.append(
            {
                "pattern": pattern,
                "cause": cause,
                "paths": len(counted[number]),
                "first": counted[number][0],
            }
        )
    return result


def _matches(pattern: str, path: str, made: Manifest, installed: Manifest) -> bool:
    """Whether an exception covers ``path``, or what a link that only the installation has names."""
    mine, theirs = made.nodes.get(path), installed.nodes.get(path)
    if pattern == PRIVILEGED:
        same = mine and theirs and mine == replace(theirs, mode=theirs.mode & ~0o6000)
        return bool(same) and re.fullmatch(pattern, path) is not None
    if re.fullmatch(pattern, path):
        return True
    if mine is not None or theirs is None or theirs.target is None:
        return False
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), theirs.target))
    return re.fullmatch(pattern, target) is not None


def _differences(
    made: Manifest, installed: Manifest, essential: Manifest, result: Result
) -> Iterator[tuple[str, str]]:
    for path in made.nodes.keys() | installed.nodes.keys():
        mine, theirs = made.nodes.get(path), installed.nodes.get(path)
        if path == "/" or (mine is None and theirs == essential.nodes.get(path)):
            continue
        result.compared += 1
        if mine != theirs:
            yield path, f"{path}: {_said(mine)} here, {_said(theirs)} installed"


def _said(node: Node | None) -> str:
    if node is None:
        return "nothing"
    content = f" → {node.target}" if node.target is not None else ""
    digest = f" {node.digest[:8]}" if node.digest is not None else ""
    return f"{node.kind} {node.mode:04o} {node.owner}:{node.group}{content}{digest}"


def _accounts(made: Manifest, installed: Manifest, essential: Manifest) -> Iterator[str]:
    """Accounts that the installation added must be neve's, and the other way round. Those that
    every Debian system has are the distribution's or hardened (root has no shell).

    Numbers are not compared: they depend on the order of installing, and owners are compared by
    name. Of a user the primary group's name, comment, home and shell count; of a group its members.
    """
    for path in ("/etc/passwd", "/etc/group"):
        mine, theirs, before = (_rows(m, path) for m in (made, installed, essential))
        for name in sorted((theirs.keys() | mine.keys()) - before.keys()):
            if mine.get(name) != theirs.get(name):
                yield f"{path}: {name}: {mine.get(name)} here, {theirs.get(name)} installed"


def _rows(manifest: Manifest, path: str) -> dict[str, tuple[str, ...]]:
    groups = {
        row[2]: row[0]
        for row in (line.split(":") for line in manifest.texts.get("/etc/group", "").split("\n"))
        if len(row) > 3
    }
    rows: dict[str, tuple[str, ...]] = {}
    for line in manifest.texts.get(path, "").split("\n"):
        row = line.split(":")
        if len(row) == 7:
            rows[row[0]] = (groups.get(row[3], row[3]), *row[4:])
        elif len(row) == 4:
            rows[row[0]] = tuple(sorted(filter(None, row[3].split(","))))
    return rows
