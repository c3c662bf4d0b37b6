"""Inventories made by hand for tests of what looks at images, and names that mean harm."""

from __future__ import annotations

from dataclasses import replace

from neve.inventory import (
    Account,
    Certificate,
    Configuration,
    Depth,
    ElfHardening,
    Inventory,
    InventoryFile,
    OpenPort,
    OsRelease,
    Package,
    PackageType,
    Program,
    Relro,
    Role,
    Secret,
    Service,
    Unjudged,
)
from neve.inventory.purl import package_url
from neve.model import Digest
from neve.tree import Kind, Tree
from neve.verbs.looking import Seen

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><svg onload=alert(1)>",
    "&lt;b&gt;",
    "a|b`c\\|`<b>|",
    "``` <i> ```",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "@everyone *bold* _it_ ~~no~~ $x$",
    "\x1b]0;owned\x07\x1b[31mred\x1b[0m",
    "line\nbreak\r\x85\u2028",
    "\u202egnp.exe\u2066",
    "zero\u200bwidth\ufeff",
    "latin\udce9",
    "a" * 300,
)
"""Names that act on a browser, a Markdown renderer, a terminal or a reader's eye."""


def package(name: str, version: str = "1", **more: object) -> Package:
    values: dict[str, object] = {
        "type": PackageType.DEB,
        "architecture": "amd64",
        "source": name,
        "source_version": version,
        "purl": package_url("deb", name, version, namespace="debian"),
        "paths": ("/var/lib/dpkg/status",),
    }
    return Package(name=name, version=version, **{**values, **more})  # type: ignore[arg-type]


def file(path: str, mode: int = 0o644, size: int = 10, **more: object) -> InventoryFile:
    digest = Digest("sha256", "0" * 64)
    values: dict[str, object] = {"kind": Kind.FILE, "uid": 0, "gid": 0, "digest": digest, **more}
    return InventoryFile(path=path, mode=mode, size=size, **values)  # type: ignore[arg-type]


def account(name: str, uid: int, *, login: bool = False) -> Account:
    shell = "/bin/sh" if login else "/sbin/nologin"
    return Account(name=name, uid=uid, gid=uid, home="/", shell=shell, login=login,
                   password="locked")  # fmt: skip


EMPTY = Inventory(
    depth=Depth.FULL,
    os_release=OsRelease(id="debian", version_id="13", name="Debian GNU/Linux 13 (trixie)"),
    packages=(),
    files=(),
    elf=(),
    programs=(),
    accounts=(),
    groups=(),
    services=(),
    configuration=Configuration(user="", platform="linux/amd64", created="2026-01-02T03:04:05Z"),
    unjudged=(),
)


def fat() -> Inventory:
    """An image with something of everything."""
    return replace(
        EMPTY,
        packages=(package("bash"), package("coreutils"), package("libc6", "2")),
        files=(
            file("/etc/app.conf"),
            file("/usr/bin/app", 0o755, 400, owners=("libc6",)),
            file("/usr/bin/bash", 0o755, 900, owners=("bash",)),
            file("/usr/bin/curl", 0o755, 300, owners=("coreutils",)),
            file("/usr/bin/su", 0o4755, 100, owners=("coreutils",)),
            file("/var/tmp", 0o1777, 0, kind=Kind.DIRECTORY, digest=None),
        ),
        programs=(
            Program(path="/usr/bin/bash", role=Role.SHELL, family="posix-shell", evidence="holds"),
            Program(path="/usr/bin/curl", role=Role.NETWORK_TOOL, family="curl", evidence="holds"),
        ),
        hardening=(
            (
                "/usr/bin/app",
                ElfHardening(pie=False, relro=Relro.NONE, nx=True, canary=None, fortify=None),
            ),
        ),
        accounts=(account("root", 0, login=True), account("app", 1000)),
        certificates=(
            (
                "/etc/old.pem",
                Certificate(
                    fingerprint="ab" * 32, subject="CN=old", issuer="CN=old", not_before=0,
                    not_after=1000, key="rsa 2048", signature_hash="sha256", authority=True,
                    self_signed=True,
                ),
            ),
        ),
        secrets=(("/etc/app.conf", Secret(rule="aws-key", line=3, hint="AKIA…")),),
        services=(Service(name="cron.service", path="/etc/cron.service", manager="systemd"),),
        ports=(OpenPort(port=8080, protocol="tcp", evidence="configuration"),),
        unjudged=(Unjudged(path="/big", reason="too large to look into"),),
    )  # fmt: skip


def slim() -> Inventory:
    """What is left of ``fat`` once it was hardened."""
    return replace(
        EMPTY,
        packages=(package("libc6", "3"),),
        files=(file("/usr/bin/app", 0o755, 400, owners=("libc6",)),),
        accounts=(account("app", 1000),),
        configuration=replace(EMPTY.configuration or Configuration(), user="app"),
    )


def hostile() -> Inventory:
    """An image whose every name means harm."""
    return replace(
        fat(),
        os_release=OsRelease(id="debian", name=HOSTILE[0]),
        packages=tuple(package(name, version=name) for name in sorted(HOSTILE)),
        files=tuple(file(f"/{name}", 0o4777, 50, owners=(name,)) for name in HOSTILE),
        programs=tuple(
            Program(path=name, role=Role.SHELL, family=name, evidence=name) for name in HOSTILE
        ),
        accounts=tuple(account(name, 7, login=True) for name in HOSTILE),
        secrets=tuple((name, Secret(rule=name, line=1, hint=name)) for name in HOSTILE),
        services=tuple(Service(name=name, path=name, manager=name) for name in HOSTILE),
        ports=tuple(OpenPort(port=1, protocol=name, evidence=name) for name in HOSTILE),
        configuration=Configuration(
            user=HOSTILE[0], entrypoint=HOSTILE, environment=tuple((n, n) for n in HOSTILE),
            labels=tuple((n, n) for n in HOSTILE),
        ),
        unjudged=tuple(Unjudged(path=name, reason=name) for name in sorted(HOSTILE)),
    )  # fmt: skip


def seen(image: str, inventory: Inventory) -> Seen:
    """``inventory`` as if ``image`` had been looked at."""
    return Seen(image=image, digest="", platform="", layers=(), inventory=inventory, tree=Tree())
