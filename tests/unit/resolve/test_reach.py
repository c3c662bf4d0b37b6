"""What some of a set of packages need of the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neve.formats.deb import parse_relations
from neve.formats.deb.types import IndexPackage
from neve.model import sha256_of
from neve.resolve.reach import closure


def package(name: str, depends: str = "", *, before: str = "", provides: str = "") -> IndexPackage:
    return IndexPackage(
        name=name,
        version="2",
        architecture="amd64",
        multi_arch="no",
        essential=False,
        priority="optional",
        section="",
        source=name,
        source_version="2",
        installed_size=0,
        filename=name,
        size=1,
        digest=sha256_of(name.encode()),
        pre_depends=parse_relations(before),
        depends=parse_relations(depends),
        conflicts=(),
        breaks=(),
        replaces=(),
        provides=tuple(r for clause in parse_relations(provides) for r in clause),
    )


def reached(root: str, *packages: IndexPackage) -> set[str]:
    names = [one.name for one in packages]
    return {packages[i].name for i in closure(packages, [names.index(root)])}


def test_what_is_depended_on_is_needed_however_far() -> None:
    chain = (package("a", "b"), package("b", before="c (>= 2)"), package("c"), package("d"))
    assert reached("a", *chain) == {"a", "b", "c"}
    assert reached("c", *chain) == {"c"}


def test_a_circle_ends() -> None:
    assert reached("a", package("a", "b"), package("b", "a")) == {"a", "b"}


def test_who_provides_a_name_is_needed() -> None:
    assert reached("a", package("a", "mta"), package("exim", provides="mta")) == {"a", "exim"}


def test_the_first_alternative_that_is_there_counts() -> None:
    members = (package("a", "gone | b | c"), package("b"), package("c"))
    assert reached("a", *members) == {"a", "b"}


def test_a_version_that_is_not_there_needs_nobody() -> None:
    """Its package was dropped when the recipe was locked: nothing that is kept needs it."""
    assert reached("a", package("a", "b (>= 3), gone"), package("b")) == {"a"}


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8), st.sets(st.integers(0, 7)))
def test_more_roots_never_need_less(edges: list[set[int]], roots: set[int]) -> None:
    members = [
        package(f"p{i}", ", ".join(f"p{j}" for j in sorted(to))) for i, to in enumerate(edges)
    ]
    whole = closure(members, roots)
    assert roots <= whole
    assert whole == frozenset().union(*(closure(members, [root]) for root in roots))
