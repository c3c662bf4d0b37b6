"""dpkg's own database, as it stands after the same packages were installed by dpkg."""

from __future__ import annotations

import hashlib

from neve.effects.alternatives import AlternativesRegistry
from neve.effects.bench import EffectContext
from neve.effects.installed import Installed, plant_installed
from neve.effects.ops import Alternative
from neve.effects.script import Parameters
from neve.formats.deb import PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.tree import FileEntry, Inline, Kind, Tree

REASON = Reason(Origin.RULE, "test")


def file(path: str, data: bytes = b"x") -> FileEntry:
    return FileEntry(path=path, kind=Kind.FILE, mode=0o644, content=Inline(data), reason=REASON)


def directory(path: str) -> FileEntry:
    return FileEntry(path=path, kind=Kind.DIRECTORY, mode=0o755, reason=REASON)


def facts(
    control: dict[str, str],
    *entries: FileEntry,
    scripts: tuple[tuple[str, bytes], ...] = (),
    conffiles: tuple[str, ...] = (),
) -> PackageFacts:
    return PackageFacts(
        digest=sha256_of(control["Package"].encode()),
        data=sha256_of(b"data"),
        data_size=0,
        control=tuple(control.items()),
        entries=entries,
        scripts=scripts,
        conffiles=conffiles,
        md5sums=b"0  usr/bin/app\n",
        interpreters=(),
        elf=(),
    )


APP = facts(
    {
        "Package": "app",
        "Version": "2:1-1",
        "Architecture": "amd64",
        "Maintainer": "Nobody <no@example.org>",
        "Depends": "libapp1",
        "Section": "misc",
        "Description": "an app\n of several\n lines",
        "Homepage": "https://example.org",
    },
    directory("/"),
    directory("/etc"),
    file("/etc/app.conf", b"setting\n"),
    file("/usr/bin/app"),
    scripts=(
        ("postinst", b"#!/bin/sh\n"),
        ("templates", b"Template: app/x\n"),
        ("triggers", b"interest-noawait /usr/share/app\ninterest app-made\nactivate ldconfig\n"),
    ),
    conffiles=("/etc/app.conf", "/etc/app.gone"),
)
LIBRARY = facts(
    {"Package": "libapp1", "Version": "1", "Architecture": "amd64", "Multi-Arch": "same"},
    file("/usr/lib/libapp.so.1"),
    scripts=(("triggers", b"activate-noawait ldconfig # made\n"),),
)


def planted(*tree_paths: str, diversions: dict[str, tuple[str, str]] | None = None) -> Tree:
    tree = Tree()
    for path in tree_paths:
        tree.put(file(path))
    registry = AlternativesRegistry()
    registry.add(
        "app",
        Alternative(
            name="editor",
            link="/usr/bin/editor",
            path="/usr/bin/app",
            priority=30,
            slaves=(("/usr/share/man/man1/editor.1.gz", "editor.1.gz", "/usr/share/man/app.1.gz"),),
        ),
    )
    registry.add(
        "app",
        Alternative(name="gone", link="/usr/bin/gone", path="/usr/bin/pruned", priority=1),
    )
    context = EffectContext(
        read=lambda entry: entry.content.data if isinstance(entry.content, Inline) else b"",
        parameters=Parameters.of("amd64"),
        time=1,
    )
    installed = Installed(
        packages=(LIBRARY, APP), alternatives=registry, diversions=diversions or {}
    )
    plant_installed(tree, installed, context)
    return tree


def text(tree: Tree, path: str) -> str:
    content = tree[f"/var/lib/dpkg/{path}"].content
    assert isinstance(content, Inline)
    return content.data.decode()


def test_the_status_file_is_ordered_as_dpkg_writes_it() -> None:
    digest = hashlib.md5(b"setting\n", usedforsecurity=False).hexdigest()
    assert text(planted("/usr/bin/app"), "status") == (
        "Package: app\n"
        "Status: install ok installed\n"
        "Section: misc\n"
        "Maintainer: Nobody <no@example.org>\n"
        "Architecture: amd64\n"
        "Version: 2:1-1\n"
        "Depends: libapp1\n"
        f"Conffiles:\n /etc/app.conf {digest}\n"
        "Description: an app\n of several\n lines\n"
        "Homepage: https://example.org\n"
        "\n"
        "Package: libapp1\n"
        "Status: install ok installed\n"
        "Architecture: amd64\n"
        "Multi-Arch: same\n"
        "Version: 1\n"
        "\n"
    )


def test_each_package_has_its_lists_and_scripts() -> None:
    tree = planted("/usr/bin/app")
    assert text(tree, "info/app.list") == "/.\n/etc\n/etc/app.conf\n/usr/bin/app\n"
    assert text(tree, "info/app.conffiles") == "/etc/app.conf\n/etc/app.gone\n"
    assert text(tree, "info/app.md5sums") == "0  usr/bin/app\n"
    assert tree["/var/lib/dpkg/info/app.postinst"].mode == 0o755
    assert tree["/var/lib/dpkg/info/app.templates"].mode == 0o644
    assert "/var/lib/dpkg/info/libapp1:amd64.list" in tree
    assert "/var/lib/dpkg/info/libapp1.list" not in tree
    assert text(tree, "info/format") == "1\n"


def test_interests_in_triggers_are_noted_and_activations_are_not() -> None:
    tree = planted("/usr/bin/app")
    assert text(tree, "triggers/File") == "/usr/share/app app/noawait\n"
    assert text(tree, "triggers/app-made") == "app\n"
    assert "/var/lib/dpkg/triggers/ldconfig" not in tree
    assert text(tree, "triggers/Unincorp") == ""


def test_alternatives_are_administered_while_their_choice_is_there() -> None:
    tree = planted("/usr/bin/app")
    assert text(tree, "alternatives/editor") == (
        "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\n\n"
        "/usr/bin/app\n30\n/usr/share/man/app.1.gz\n\n"
    )
    assert "/var/lib/dpkg/alternatives/gone" not in tree


def test_diversions_are_three_lines_each() -> None:
    tree = planted(diversions={"/usr/bin/b": ("/usr/bin/b.real", "app"), "/a": ("/a.x", "app")})
    assert text(tree, "diversions") == "/a\n/a.x\napp\n/usr/bin/b\n/usr/bin/b.real\napp\n"
