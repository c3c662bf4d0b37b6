"""Version orders: the specifications' own examples, and that any text is ordered or refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.vulns.orders.order import UnorderedError, order_of

ASCENDING = {
    # semver.org 2.0.0 §11
    "npm": "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 "
    "1.0.0-rc.1 1.0.0 2.0.0 2.1.0 2.1.1",
    # go.dev/ref/mod#versions and #pseudo-versions; go.dev/doc/toolchain
    "golang": "v0.0.0-20170915032832-14c0d48ead0c v1.2.3-0.pre "
    "v1.2.3-pre.0.20190101000000-abcdefabcdef v1.2.3 "
    "v1.2.4-0.20191109021931-daa7c04131f5 v1.2.4 v2.0.0+incompatible",
    # PEP 440, "Summary of permitted suffixes and relative ordering"
    "pypi": "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 "
    "1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 "
    "1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1!0.1",
    # maven.apache.org/pom.html#version-order-specification
    "maven": "1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11 1-rc 1-cr2 "
    "1-SNAPSHOT 1 1-sp 1-sp2 1-sp123 1-abc 1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123",
    # guides.rubygems.org/patterns, Gem::Version's documentation
    "gem": "1.0.a 1.0.a.2 1.0.b1 1.0.b10 1.0.rc1 1.0 1.0.1 1.1.rc1 1.1 1.10 2.0.0",
    # getcomposer.org/doc/articles/versions.md, "Stability"
    "composer": "1.0.0-dev 1.0.0-alpha 1.0.0-alpha2 1.0.0-beta1 1.0.0-beta.10 1.0.0-RC1 1.0.0 "
    "1.0.0-patch1 v1.0.1 1.10.0",
    "debian:bookworm": "1.0~~ 1.0~rc1-1 1.0-1~deb12u1 1.0-1 1.0-1+b1 1.0-1+deb12u1 1.0-10 1:0.1",
    "alpine:v3.22": "1.0_alpha1-r0 1.0_rc1-r0 1.0-r0 1.0-r2 1.0-r10 1.0.1-r0 1.0.1a-r0",
    "almalinux:9": "1.0~rc1-1.el9 1.0-1.el9 1.0-1.el9_4.2 1.0-10.el9 1.0^git1-1.el9 1:0.1-1",
}
EQUAL = {
    "npm": ["1.2", "1.2.0", "v1.2.0", "1.2.0+build.5"],
    "golang": ["1.22", "go1.22", "v1.22.0", "go1.22.0", "go1.22 X:loopvar"],
    "pypi": ["1.0", "1", "1.0.0", "v1.0", "1.0.0+0"][:4],
    "maven": ["1", "1.0", "1.0.0", "1-ga", "1-final", "1.0-release", "1.ga"],
    "gem": ["1.0", "1", "1.0.0"],
    "composer": ["1.2", "v1.2.0", "1.2.0.0", "1.2.0-stable"],
}
NOT_VERSIONS = {
    "npm": ["", "latest", "1.x", "1.2.3-", "git+https://example.org"],
    "golang": ["(devel)", "", "master"],
    "pypi": ["", "1.0-foo-bar", "unknown"],
    "gem": ["1.0 beta", "a.b"],
    "composer": ["dev-main", "", "*"],
    "debian:bookworm": ["", "-1", "1.0-", "1 0"],
    "maven": [""],
}


@pytest.mark.parametrize("ecosystem", sorted(ASCENDING))
def test_the_specification_s_examples_ascend(ecosystem: str) -> None:
    key = order_of(ecosystem)
    for lower, higher in pairwise(ASCENDING[ecosystem].split()):
        assert key(lower) < key(higher), (lower, higher)
        assert not key(higher) < key(lower), (lower, higher)


@pytest.mark.parametrize("ecosystem", sorted(EQUAL))
def test_spellings_of_one_version_are_equal(ecosystem: str) -> None:
    key = order_of(ecosystem)
    first, *others = EQUAL[ecosystem]
    for other in others:
        assert not key(first) < key(other), other
        assert not key(other) < key(first), other


@pytest.mark.parametrize("ecosystem", sorted(NOT_VERSIONS))
def test_what_is_no_version_has_no_place(ecosystem: str) -> None:
    for text in NOT_VERSIONS[ecosystem]:
        with pytest.raises(UnorderedError):
            order_of(ecosystem)(text)


def test_an_unknown_ecosystem_has_no_order() -> None:
    with pytest.raises(UnorderedError):
        order_of("hex")


texts = st.text(st.sampled_from("0123456789.-+~_:abprcvx^"), max_size=14) | st.text(max_size=12)


@settings(max_examples=150, deadline=None)
@given(ecosystem=st.sampled_from(sorted(ASCENDING)), versions=st.lists(texts, max_size=4))
def test_any_text_is_ordered_or_refused(ecosystem: str, versions: list[str]) -> None:
    key = order_of(ecosystem)
    keys = []
    for version in versions:
        try:
            keys.append(key(version))
        except UnorderedError:
            continue
    ordered = sorted(keys)
    for lower, higher in pairwise(ordered):
        assert not higher < lower


def test_a_huge_version_is_refused_quickly() -> None:
    for ecosystem in ASCENDING:
        for text in ("9" * 100_000, "1." * 50_000, "1-" * 50_000, "a" * 100_000):
            with pytest.raises(UnorderedError):
                order_of(ecosystem)(text)
