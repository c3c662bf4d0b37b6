"""The stored comparisons with real installations, and the comparison itself."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from tools.acceptance.compare import EXCEPTIONS, MAX_EXCEPTIONS, compare  # noqa: E402
from tools.acceptance.images import all_images, catalogue_images, other_images  # noqa: E402
from tools.acceptance.manifest import Manifest, Node, read_root  # noqa: E402

STORED = ROOT / "tests" / "acceptance"
REPORTS = sorted(STORED.glob("debian-*.json"))


def load(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_stored_comparison_has_no_difference_without_a_cause(path: Path) -> None:
    report = load(path)
    assert report["differences"] == []
    assert report["compared"] > 0
    assert len(report["exceptions"]) <= MAX_EXCEPTIONS
    known = dict(EXCEPTIONS)
    for exception in report["exceptions"]:
        assert known[exception["pattern"]] == exception["cause"]
    assert date.fromisoformat(report["date"]) <= date.max


def test_every_catalogue_image_and_ten_others_were_compared() -> None:
    stored = {load(path)["image"]: load(path) for path in REPORTS}
    assert len(other_images()) >= 10
    assert len(catalogue_images()) > 20
    for image in all_images():
        assert image.name in stored, f"run tools/accept.py --only {image.name}"
        assert tuple(stored[image.name]["requests"]) == image.requests


FILE = Node("file", 0o644, "root", "root", None, "d" * 64)
DIRECTORY = Node("directory", 0o755, "root", "root", None, None)


def manifest(**nodes: Node) -> Manifest:
    return Manifest(nodes={name.replace("__", "/"): node for name, node in nodes.items()}, texts={})


EMPTY = manifest()


def test_equal_trees_do_not_differ() -> None:
    tree = manifest(__usr=DIRECTORY, __usr__x=FILE)
    result = compare(tree, tree, EMPTY)
    assert (result.compared, result.differences, result.exceptions) == (2, [], [])


def test_what_essential_packages_alone_bring_is_subtracted() -> None:
    tree = manifest(__usr__x=FILE)
    assert compare(EMPTY, tree, tree).compared == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(FILE, mode=0o600),
        replace(FILE, owner="p"),
        replace(FILE, group="adm"),
        replace(FILE, digest="e" * 64),
        replace(FILE, kind="symlink", target="y", digest=None),
    ],
)
def test_type_mode_owner_target_and_content_count(other: Node) -> None:
    result = compare(manifest(__usr__x=FILE), manifest(__usr__x=other), EMPTY)
    assert len(result.differences) == 1
    assert result.differences[0].startswith("/usr/x: ")


def test_missing_and_added_paths_are_differences() -> None:
    result = compare(manifest(__usr__a=FILE), manifest(__usr__b=FILE), EMPTY)
    assert [line.split(": ")[0] for line in result.differences] == ["/usr/a", "/usr/b"]


def test_an_exception_is_counted_with_its_cause() -> None:
    result = compare(EMPTY, manifest(__etc__rc2_d=FILE, __var__lib__dpkg__status=FILE), EMPTY)
    assert len(result.exceptions) == 1
    assert result.exceptions[0]["paths"] == 1
    assert result.differences == [
        "/etc/rc2_d: nothing here, " + "file 0644 root:root dddddddd installed"
    ]


def account(text: str) -> Manifest:
    return Manifest(nodes={}, texts={"/etc/passwd": text, "/etc/group": ""})


def test_accounts_that_scripts_add_must_be_there() -> None:
    root = "root:x:0:0:root:/root:/bin/sh\n"
    added = account(root + "p:x:100:101::/var/lib/p:/usr/sbin/nologin\n")
    result = compare(account(root), added, account(root))
    assert len(result.differences) == 1
    assert "/etc/passwd: p:" in result.differences[0]
    assert compare(added, added, account(root)).differences == []


PROGRAMS = ("/usr/bin/python3", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/ssl/openssl.cnf")


def test_no_exception_covers_programs_or_libraries() -> None:
    for pattern, _ in EXCEPTIONS:
        for path in (
            "/usr/bin/python3",
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/etc/ssl/openssl.cnf",
        ):
            assert re.fullmatch(pattern, path) is None


def test_a_directory_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    (tmp_path / "link").symlink_to("etc")
    found = read_root(tmp_path)
    found.dump(tmp_path / "kept.json")
    assert Manifest.load(tmp_path / "kept.json") == found
    assert found.nodes["/link"].target == "etc"
    assert found.nodes["/etc"].kind == "directory"
