"""A comparison hides nothing: what appeared is found even where a count fell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.seen import EMPTY, fat, file, package, seen, slim

from neve.inventory import Configuration, Depth, Inventory, PackageType
from neve.surface import Part
from neve.verbs.compare import CompareResult, compare_seen
from neve.verbs.comparing import weights

NOW = 1_800_000_000


def compare(*inventories: Inventory) -> CompareResult:
    images = [seen(f"image-{number}", one) for number, one in enumerate(inventories)]
    return compare_seen(images[:-1], images[-1], now=NOW)


def worse(result: CompareResult) -> dict[Part, tuple[str, ...]]:
    (difference,) = result.differences
    return {row.part: row.appeared for row in difference.worse}


def test_what_is_dangerous_by_itself_counts_though_the_number_fell() -> None:
    before = replace(EMPTY, files=tuple(file(f"/bin/su{n}", 0o4755) for n in range(5)))
    after = replace(EMPTY, files=(file("/bin/other", 0o4755),))
    assert worse(compare(before, after)) == {Part.PRIVILEGED: ("/bin/other",)}
    assert worse(compare(before, replace(before, files=before.files[:3]))) == {}


def test_another_version_of_a_package_is_no_new_package() -> None:
    before = replace(EMPTY, packages=(package("a"),))
    after = replace(EMPTY, packages=(package("a", "2"), package("b")))
    result = compare(before, after)
    assert worse(result) == {Part.PACKAGES: ("deb b",)}
    rows = [(row.name, row.before, row.after) for row in result.differences[0].packages]
    assert rows == [("a", "1", "2"), ("b", None, "1")]


def test_a_part_that_is_no_longer_judged_is_worse() -> None:
    after = replace(slim(), depth=Depth.PACKAGES)
    assert Part.SECRETS in worse(compare(fat(), after))


def test_root_is_worse_than_an_account() -> None:
    as_root = replace(slim(), configuration=Configuration(user=""))
    assert Part.RUNS_AS_ROOT in worse(compare(slim(), as_root))
    changed = {row.name: (row.before, row.after) for row in compare(slim(), as_root)
               .differences[0].configuration}  # fmt: skip
    assert changed["user"] == ("app", "root (none is named)")


def test_what_is_gone_is_named() -> None:
    (difference,) = compare(fat(), slim()).differences
    gone = {row.part: row.subjects for row in difference.gone}
    assert gone[Part.SHELLS_AND_INTERPRETERS] == ("/usr/bin/bash",)
    assert gone[Part.SECRETS] == ("/etc/app.conf:3 aws-key",)
    assert {row.name for row in difference.ports} == {"8080/tcp"}
    assert [row.name for row in difference.accounts] == ["root"]


def test_the_worst_baseline_decides() -> None:
    result = compare(fat(), slim(), slim())
    reductions = [item.reduction for item in result.differences]
    assert reductions[0] is not None
    assert reductions[0] > 0.5
    assert reductions[1] == 0
    assert result.least == 0
    assert (result.exit_code(0.5), result.exit_code(0.0)) == (1, 0)
    unknown = compare(fat(), replace(slim(), depth=Depth.PACKAGES))
    assert (unknown.least, unknown.exit_code(0.0)) == (None, 3)


def test_bytes_are_each_packages_own() -> None:
    rows = [(row.package, row.size) for row in weights(fat())]
    assert rows == [("bash", 900), ("coreutils", 400), ("libc6", 400), ("", 10)]


def test_two_versions_of_one_package_stand_together() -> None:
    nested = tuple(package("lodash", v, type=PackageType.NPM) for v in ("4", "3"))
    (difference,) = compare(EMPTY, replace(EMPTY, packages=nested)).differences
    assert [(row.type, row.after) for row in difference.packages] == [(PackageType.NPM, "3, 4")]


@pytest.mark.parametrize("depth", Depth)
def test_an_image_compared_with_itself_is_the_same(depth: Depth) -> None:
    one = replace(fat(), depth=depth)
    (difference,) = compare(one, one).differences
    assert (difference.worse, difference.gone, difference.packages) == ((), (), ())
