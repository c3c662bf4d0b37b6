"""Resolving small worlds: what is chosen, in which order, why, and what is said when it fails."""

from __future__ import annotations

import random

import pytest

from neve.formats.deb import parse_relations
from neve.formats.deb.types import IndexPackage
from neve.model import sha256_of
from neve.recipe.types import PackageRequest
from neve.resolve import (
    Explanation,
    PackageSource,
    Request,
    Solution,
    Source,
    Universe,
    archive_priority,
    resolve,
)


class Listed(PackageSource):
    """An index made of stanzas given one by one."""

    def __init__(self, packages: list[IndexPackage]) -> None:
        self.packages = packages

    @property
    def names(self) -> set[str]:
        return {package.name for package in self.packages}

    def get(self, name: str) -> list[IndexPackage]:
        return [package for package in self.packages if package.name == name]

    def essential(self) -> list[str]:
        return sorted({p.name for p in self.packages if p.essential})

    def providers(self, name: str) -> list[IndexPackage]:
        return [p for p in self.packages if any(r.name == name for r in p.provides)]


def package(name: str, version: str = "1", **fields: str) -> IndexPackage:
    architecture = fields.pop("architecture", "amd64")
    relations = {
        key: parse_relations(fields.get(key, ""))
        for key in ("pre_depends", "depends", "conflicts", "breaks")
    }
    return IndexPackage(
        name=name,
        version=version,
        architecture=architecture,
        multi_arch=fields.get("multi_arch", "no"),
        essential=fields.get("essential") == "yes",
        priority=fields.get("priority", "optional"),
        section="misc",
        source=name,
        source_version=version,
        installed_size=0,
        filename=f"pool/{name}_{version}_{architecture}.deb",
        size=1,
        digest=sha256_of(f"{name} {version} {architecture}".encode()),
        replaces=(),
        provides=tuple(r for clause in parse_relations(fields.get("provides", "")) for r in clause),
        **relations,
    )


def source(*packages: IndexPackage, archive: str = "main", priority: int = 500) -> Source:
    return Source(
        archive=archive,
        index=sha256_of(archive.encode()),
        packages=Listed(list(packages)),
        priority=priority,
        releases=(archive,),
    )


def world(*packages: IndexPackage, foreign: tuple[str, ...] = ()) -> Universe:
    return Universe([source(*packages)], architecture="amd64", foreign=foreign)


def ask(universe: Universe, *names: str, exclude: tuple[str, ...] = ()) -> Solution | Explanation:
    requests = tuple(PackageRequest(name=name) for name in names)
    return resolve(Request(requests=requests, exclude=exclude), universe)


def names(answer: Solution | Explanation) -> list[str]:
    assert isinstance(answer, Solution), answer
    return [chosen.package.name for chosen in answer.packages]


def refusal(answer: Solution | Explanation) -> str:
    assert isinstance(answer, Explanation)
    return "\n".join((answer.brief, *answer.chain, answer.resolution))


def versions(answer: Solution | Explanation) -> dict[str, str]:
    assert isinstance(answer, Solution), answer
    return {chosen.package.name: chosen.package.version for chosen in answer.packages}


def test_dependencies_stand_before_what_needs_them() -> None:
    universe = world(
        package("app", depends="libb, liba"),
        package("liba", depends="libc"),
        package("libb", depends="libc"),
        package("libc"),
    )
    assert names(ask(universe, "app")) == ["libc", "libb", "liba", "app"]


def test_the_first_alternative_is_taken_first() -> None:
    universe = world(package("app", depends="b | a"), package("a"), package("b"))
    assert names(ask(universe, "app")) == ["b", "app"]


def test_an_alternative_already_chosen_is_enough() -> None:
    universe = world(package("app", depends="b | a"), package("a"), package("b"))
    assert set(names(ask(universe, "app", "a"))) == {"app", "a"}


def test_recommends_do_not_exist_and_a_missing_first_alternative_is_skipped() -> None:
    universe = world(package("app", depends="gone | b"), package("b"))
    assert names(ask(universe, "app")) == ["b", "app"]


def test_the_real_package_comes_before_its_providers() -> None:
    universe = world(
        package("app", depends="mta"), package("a-mta", provides="mta"), package("mta")
    )
    assert names(ask(universe, "app")) == ["mta", "app"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"priority": "required"}, {}, "z"),
        ({"essential": "yes"}, {"priority": "required"}, "z"),
        ({}, {"depends": "lib"}, "z"),
        ({}, {}, "a"),
    ],
)
def test_providers_by_essential_priority_dependencies_name(
    first: dict[str, str], second: dict[str, str], expected: str
) -> None:
    universe = world(
        package("app", depends="awk"),
        package("z", provides="awk", **first),
        package("a", provides="awk", **second),
        package("lib"),
    )
    chosen = names(ask(universe, "app"))
    assert expected in chosen
    assert ("a" if expected == "z" else "z") not in chosen


@pytest.mark.parametrize(
    ("provides", "depends", "fits"),
    [
        ("api (= 2)", "api (>= 2)", True),
        ("api (= 1)", "api (>= 2)", False),
        ("api", "api (>= 2)", False),
        ("api", "api", True),
    ],
)
def test_versioned_provides(provides: str, depends: str, *, fits: bool) -> None:
    universe = world(package("app", depends=depends), package("impl", provides=provides))
    answer = ask(universe, "app")
    assert isinstance(answer, Solution) is fits


def test_a_virtual_request_with_one_provider_is_that_provider() -> None:
    universe = world(package("impl", provides="api"))
    answer = ask(universe, "api")
    assert names(answer) == ["impl"]
    assert isinstance(answer, Solution)
    assert answer.packages[0].requested


def test_a_virtual_request_with_several_providers_asks_which() -> None:
    universe = world(package("one", provides="api"), package("two", provides="api"))
    assert "one, two" in refusal(ask(universe, "api"))


def test_a_conflict_turns_the_choice() -> None:
    universe = world(
        package("app", depends="x | y, z"),
        package("x"),
        package("y"),
        package("z", conflicts="x"),
    )
    assert set(names(ask(universe, "app"))) == {"app", "y", "z"}


def test_a_late_conflict_jumps_back_over_unrelated_choices() -> None:
    unrelated = [
        (package(f"u{i}", depends=f"a{i} | b{i}"), package(f"a{i}"), package(f"b{i}"))
        for i in range(30)
    ]
    flat = [p for group in unrelated for p in group]
    depends = "x | y, " + ", ".join(f"u{i}" for i in range(30)) + ", z"
    universe = world(
        package("app", depends=depends), package("x"), package("y"), package("z", breaks="x"), *flat
    )
    chosen = set(names(ask(universe, "app")))
    assert "y" in chosen
    assert "x" not in chosen
    assert not any(f"b{i}" in chosen for i in range(30))


def test_breaks_with_a_version_hit_only_that_version() -> None:
    old = world(package("a", breaks="b (<< 2)"), package("b", "1"))
    new = world(package("a", breaks="b (<< 2)"), package("b", "2"))
    assert isinstance(ask(old, "a", "b"), Explanation)
    assert isinstance(ask(new, "a", "b"), Solution)


def test_a_package_may_conflict_with_what_it_provides_itself() -> None:
    universe = world(
        package("exim", provides="mta", conflicts="mta"),
        package("postfix", provides="mta", conflicts="mta"),
    )
    assert names(ask(universe, "exim")) == ["exim"]
    assert "conflicts with mta" in refusal(ask(universe, "exim", "postfix"))


def test_pre_depends_come_first_even_within_a_cycle() -> None:
    universe = world(
        package("a", depends="b"),
        package("b", pre_depends="c"),
        package("c", depends="a"),
    )
    order = names(ask(universe, "a"))
    assert order.index("c") < order.index("b")


def test_because_is_the_shortest_chain() -> None:
    universe = world(
        package("app", depends="long, lib (>= 1)"),
        package("long", depends="longer"),
        package("longer", depends="lib"),
        package("lib"),
    )
    answer = ask(universe, "app")
    assert isinstance(answer, Solution)
    because = {c.package.name: c.because for c in answer.packages}
    assert because["lib"] == ("packages[0]: app", "app → lib (>= 1)")


def two_suites(*, priority: int) -> Universe:
    return Universe(
        [
            source(package("app", "1", depends="lib"), package("lib", "1")),
            source(
                package("app", "2", depends="lib (>= 2)"),
                package("lib", "2"),
                archive="backports",
                priority=priority,
            ),
        ],
        architecture="amd64",
    )


def test_the_newest_version_of_the_highest_priority_is_the_candidate() -> None:
    backports = archive_priority(not_automatic=True, but_automatic_upgrades=True)
    assert versions(ask(two_suites(priority=500), "app")) == {"app": "2", "lib": "2"}
    assert versions(ask(two_suites(priority=backports), "app")) == {"app": "1", "lib": "1"}
    assert archive_priority(not_automatic=True, but_automatic_upgrades=False) == 1


def test_a_release_is_followed_by_what_only_it_can_satisfy() -> None:
    request = Request(requests=(PackageRequest(name="app", release="backports"),))
    assert versions(resolve(request, two_suites(priority=100))) == {"app": "2", "lib": "2"}


@pytest.mark.parametrize(("wanted", "expected"), [("1", "1"), ("1*", "1"), ("2", "2")])
def test_a_version_is_exact_or_a_glob(wanted: str, expected: str) -> None:
    request = Request(requests=(PackageRequest(name="lib", version=wanted),))
    assert versions(resolve(request, two_suites(priority=100))) == {"lib": expected}


def test_a_pin_that_fits_nothing_lists_what_there_is() -> None:
    request = Request(requests=(PackageRequest(name="lib", version="3.*"),))
    said = refusal(resolve(request, two_suites(priority=100)))
    assert "lib 3.*" in said
    assert "lib 2 is in backports" in said


def test_foreign_architecture_needs_its_own_libraries_and_shares_foreign_tools() -> None:
    universe = world(
        package("game", architecture="i386", depends="libc, tool"),
        package("libc", architecture="i386", multi_arch="same"),
        package("libc", multi_arch="same"),
        package("tool", multi_arch="foreign", depends="libc"),
        foreign=("i386",),
    )
    answer = resolve(
        Request(requests=(PackageRequest(name="game", architecture="i386"),)), universe
    )
    assert isinstance(answer, Solution)
    got = {(c.package.name, c.package.architecture) for c in answer.packages}
    assert got == {("game", "i386"), ("libc", "i386"), ("libc", "amd64"), ("tool", "amd64")}


def test_two_architectures_of_a_package_must_be_the_same_version() -> None:
    universe = world(
        package("app", depends="lib, game:i386"),
        package("game", architecture="i386", depends="lib"),
        package("lib", "2", multi_arch="same"),
        package("lib", "1", architecture="i386", multi_arch="same"),
        foreign=("i386",),
    )
    assert "can't stand beside" in refusal(ask(universe, "app"))


def test_any_is_served_by_an_allowed_package_of_another_architecture() -> None:
    universe = world(
        package("plugin", architecture="i386", depends="python:any"),
        package("python", multi_arch="allowed"),
        foreign=("i386",),
    )
    wanted = Request(requests=(PackageRequest(name="plugin", architecture="i386"),))
    assert "python" in names(resolve(wanted, universe))


def test_a_misspelt_name_is_answered_with_near_ones() -> None:
    universe = world(package("postgresql"), package("nginx"))
    said = refusal(ask(universe, "postgressql"))
    assert "no package postgressql" in said
    assert "Did you mean postgresql?" in said


def test_a_version_that_is_not_there_is_explained_by_the_whole_chain() -> None:
    universe = world(
        package("app", depends="python3-foo"),
        package("python3-foo", depends="python3 (>= 3.14)"),
        package("python3", "3.13.5-1"),
    )
    said = refusal(ask(universe, "app"))
    assert "app 1 needs python3-foo" in said
    assert "python3-foo 1 needs python3 (>= 3.14), the archive has 3.13.5-1" in said


def test_what_is_excluded_is_never_chosen_and_named_when_it_is_needed() -> None:
    universe = world(package("app", depends="a | b"), package("a"), package("b"))
    assert "a" not in names(ask(universe, "app", exclude=("a",)))
    said = refusal(ask(universe, "app", exclude=("a", "b")))
    assert "a is excluded by the recipe" in said
    assert "Remove a from exclude" in said
    assert "asked for and excluded" in refusal(ask(universe, "app", exclude=("app",)))


def test_every_failed_alternative_is_explained() -> None:
    universe = world(
        package("app", depends="old | other, base"),
        package("old", depends="gone"),
        package("other", depends="nowhere"),
        package("base"),
    )
    said = refusal(ask(universe, "app"))
    assert "old 1 needs gone, but no package gone is in the archive" in said
    assert "other 1 needs nowhere" in said


def test_the_explanation_points_at_the_request_that_fails() -> None:
    universe = world(package("fine"), package("bad", depends="gone"))
    answer = ask(universe, "fine", "bad")
    assert isinstance(answer, Explanation)
    assert answer.label == "packages[1]"
    assert answer.request.name == "bad"
    assert "packages[1]" in answer.error().brief


def test_a_variant_contains_its_runtime_at_the_same_versions() -> None:
    universe = world(
        package("app", depends="x | y"), package("x"), package("y"), package("debug", depends="y|x")
    )
    runtime = ask(universe, "app")
    assert isinstance(runtime, Solution)
    variant = resolve(Request(requests=(PackageRequest(name="debug"),), within=runtime), universe)
    assert set(names(variant)) == {"app", "x", "debug"}


def test_a_long_chain_needs_no_stack() -> None:
    chain = [package(f"p{i}", depends=f"p{i + 1}") for i in range(1200)]
    assert len(names(ask(world(*chain, package("p1200")), "p0"))) == 1201


def test_a_hard_impossible_world_ends() -> None:
    # Fourteen pigeons in thirteen holes: no search of this kind proves it quickly.
    holes = range(13)
    pigeons = [
        package(f"pigeon{p}", depends=" | ".join(f"p{p}h{h}" for h in holes)) for p in range(14)
    ]
    places = [
        package(f"p{p}h{h}", conflicts=f"hole{h}", provides=f"hole{h}")
        for p in range(14)
        for h in holes
    ]
    depends = ", ".join(p.name for p in pigeons)
    answer = ask(world(package("loft", depends=depends), *pigeons, *places), "loft")
    assert isinstance(answer, Explanation)


def test_the_order_of_an_index_does_not_matter() -> None:
    packages = [
        package("app", depends="api, lib"),
        package("one", provides="api", depends="lib"),
        package("two", provides="api", depends="lib"),
        package("lib", "1"),
        package("lib", "2"),
    ]
    expected = ask(world(*packages), "app")
    shuffled = random.Random(7)
    for _ in range(20):
        shuffled.shuffle(packages)
        assert ask(world(*packages), "app") == expected


def hold(universe: Universe, moving: str, **held: str) -> Solution | Explanation:
    """``app`` with everything at the versions held but ``moving``."""
    versions_ = {(name, "amd64"): version for name, version in held.items()}
    request = Request(
        requests=(PackageRequest(name="app"), PackageRequest(name="other")),
        held=versions_,
        moving=((moving, "amd64"),),
    )
    return resolve(request, universe)


def test_what_is_held_stays_and_what_moves_draws_only_what_it_needs() -> None:
    universe = world(
        package("app", "1", depends="lib (>= 1)"),
        package("app", "2", depends="lib (>= 2), new"),
        package("lib", "1", depends="base (>= 1)"),
        package("lib", "2", depends="base (>= 2)"),
        package("base", "1"),
        package("base", "2"),
        package("other", "1"),
        package("other", "2"),
        package("new", "1"),
    )
    moved = versions(hold(universe, "app", lib="1", base="1", other="1"))
    assert moved == {"app": "2", "lib": "2", "base": "2", "other": "1", "new": "1"}
    stayed = versions(hold(universe, "other", app="1", lib="1", base="1"))
    assert stayed == {"app": "1", "lib": "1", "base": "1", "other": "2"}


def test_a_held_version_that_no_index_lists_any_more_moves() -> None:
    universe = world(package("app", "2"), package("other", "1"), package("other", "2"))
    assert versions(hold(universe, "other", app="1")) == {"app": "2", "other": "2"}


def test_what_is_held_never_gives_way_to_what_would_not_help() -> None:
    universe = world(
        package("app", "2", depends="lib (>= 3)"),
        package("lib", "1"),
        package("lib", "2"),
        package("other", "1"),
    )
    said = refusal(hold(universe, "app", lib="1", other="1"))
    assert "app 2 needs lib (>= 3), the archive has 1 (also 2)" in said
