"""Properties over random worlds: closed, free of conflicts, indifferent to order, obedient."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from neve.formats.deb.types import Clause, IndexPackage, Relation
from neve.formats.deb.versions import satisfies
from neve.model import sha256_of
from neve.recipe.types import PackageRequest
from neve.resolve import Explanation, Request, Solution, Source, Universe, resolve

NAMES = tuple("abcdefgh")
VIRTUAL = ("v", "w")


class Listed:
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


relations = st.builds(
    lambda name, limit: Relation(name, "", *limit),
    st.sampled_from(NAMES + VIRTUAL),
    st.sampled_from([("", ""), (">=", "2"), ("<<", "2"), ("=", "1")]),
)
clauses = st.lists(relations, min_size=1, max_size=3).map(tuple)
versions = st.sampled_from(["1", "2", "3"])


@st.composite
def packages(draw: st.DrawFn) -> list[IndexPackage]:
    listed = []
    for name in NAMES:
        for version in draw(st.lists(versions, min_size=1, max_size=2, unique=True)):
            provided = draw(st.lists(st.sampled_from(VIRTUAL), max_size=1))
            listed.append(
                IndexPackage(
                    name=name,
                    version=version,
                    architecture="amd64",
                    multi_arch="no",
                    essential=False,
                    priority="optional",
                    section="",
                    source=name,
                    source_version=version,
                    installed_size=0,
                    filename=f"{name}_{version}",
                    size=1,
                    digest=sha256_of(f"{name}_{version}".encode()),
                    pre_depends=(),
                    depends=tuple(draw(st.lists(clauses, max_size=3))),
                    conflicts=tuple((r,) for r in draw(st.lists(relations, max_size=1))),
                    breaks=(),
                    replaces=(),
                    provides=tuple(Relation(virtual) for virtual in provided),
                )
            )
    return listed


def solve(
    listed: list[IndexPackage], wanted: list[str], exclude: tuple[str, ...] = ()
) -> Solution | Explanation:
    source = Source(archive="main", index=sha256_of(b"index"), packages=Listed(listed))
    requests = tuple(PackageRequest(name=name) for name in wanted)
    return resolve(
        Request(requests=requests, exclude=exclude), Universe([source], architecture="amd64")
    )


def serves(package: IndexPackage, relation: Relation) -> bool:
    if package.name == relation.name:
        return satisfies(package.version, relation.operator, relation.version)
    return not relation.operator and any(r.name == relation.name for r in package.provides)


def served(members: list[IndexPackage], clause: Clause) -> bool:
    return any(serves(package, relation) for package in members for relation in clause)


wishes = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@settings(max_examples=60, deadline=None)
@given(packages(), wishes)
def test_solutions_are_closed_and_free_of_conflicts(
    listed: list[IndexPackage], wanted: list[str]
) -> None:
    answer = solve(listed, wanted)
    if isinstance(answer, Explanation):
        assert answer.brief
        assert answer.resolution
        return
    members = [chosen.package for chosen in answer.packages]
    assert {package.name for package in members} >= set(wanted)
    assert len({package.name for package in members}) == len(members)
    for package in members:
        for clause in package.depends:
            assert served(members, clause)
        for (relation,) in package.conflicts:
            others = [other for other in members if other.name != package.name]
            assert not served(others, (relation,))


@settings(max_examples=25, deadline=None)
@given(packages(), wishes, st.integers())
def test_order_of_the_index_changes_nothing(
    listed: list[IndexPackage], wanted: list[str], seed: int
) -> None:
    shuffled = list(listed)
    random.Random(seed).shuffle(shuffled)
    assert solve(listed, wanted) == solve(shuffled, wanted)


@settings(max_examples=25, deadline=None)
@given(packages(), wishes, st.sampled_from(NAMES))
def test_what_is_excluded_never_comes(
    listed: list[IndexPackage], wanted: list[str], excluded: str
) -> None:
    answer = solve(listed, wanted, (excluded,))
    if isinstance(answer, Solution):
        assert excluded not in answer.names
    elif excluded in wanted:
        assert "exclude" in answer.brief + answer.resolution or answer.request.name != excluded


@settings(max_examples=25, deadline=None)
@given(packages(), wishes)
def test_every_package_has_a_chain_from_a_request(
    listed: list[IndexPackage], wanted: list[str]
) -> None:
    answer = solve(listed, wanted)
    if isinstance(answer, Solution):
        for chosen in answer.packages:
            assert chosen.because[0].startswith("packages[")
            assert len(chosen.because) == 1 or chosen.because[-1].count("→") == 1
