"""Dropping maintainer-only packages: on evidence, and never what a kept file needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neve.formats.deb import parse_relations
from neve.formats.deb.types import ElfFacts, IndexPackage, PackageFacts
from neve.model import Origin, Reason, sha256_of
from neve.resolve import Chosen, Reduced, Solution, drop_maintainer_only
from neve.resolve.drop_rules import DROP_RULES, ORPHAN_RULE
from neve.tree import FileEntry, Inline, Kind


def chosen(name: str, depends: str = "", *, requested: bool = False, provides: str = "") -> Chosen:
    package = IndexPackage(
        name=name,
        version="1",
        architecture="amd64",
        multi_arch="no",
        essential=False,
        priority="optional",
        section="",
        source=name,
        source_version="1",
        installed_size=0,
        filename=name,
        size=1,
        digest=sha256_of(name.encode()),
        pre_depends=(),
        depends=parse_relations(depends),
        conflicts=(),
        breaks=(),
        replaces=(),
        provides=tuple(r for clause in parse_relations(provides) for r in clause),
    )
    index = sha256_of(b"index")
    return Chosen(package=package, archive="main", index=index, because=(), requested=requested)


def facts(
    name: str,
    *paths: str,
    interpreters: dict[str, str] | None = None,
    needed: tuple[str, ...] = (),
    soname: str | None = None,
) -> PackageFacts:
    elf = ElfFacts(
        soname=soname,
        needed=needed,
        interpreter=None,
        runpath=(),
        machine=62,
        bits=64,
        runs_shell=False,
    )
    scripts = interpreters or {}
    return PackageFacts(
        digest=sha256_of(name.encode()),
        data=sha256_of(b""),
        data_size=0,
        control=(("Package", name),),
        entries=tuple(
            FileEntry(
                path=path,
                kind=Kind.FILE,
                mode=0o755,
                content=Inline(b""),
                reason=Reason(Origin.PACKAGE, name),
            )
            for path in (*paths, *scripts)
        ),
        scripts=(),
        conffiles=(),
        md5sums=None,
        interpreters=tuple((path, tuple(words.split())) for path, words in scripts.items()),
        elf=((paths[0], elf),) if paths and (needed or soname) else (),
    )


def drop(packages: list[Chosen], *known: PackageFacts, **options: object) -> Reduced:
    return drop_maintainer_only(
        Solution(packages=tuple(packages)),
        {one.digest: one for one in known},
        **options,  # type: ignore[arg-type]
    )


def kept(reduced: Reduced) -> set[str]:
    return {one.package.name for one in reduced.kept}


def test_debconf_goes_with_all_that_only_it_needs() -> None:
    packages = [
        chosen("perl-base"),
        chosen("libq"),
        chosen("debconf", "perl-base, libq"),
        chosen("app", "debconf | debconf-2.0", requested=True),
    ]
    reduced = drop(packages)
    assert kept(reduced) == {"app"}
    rules = {one.name: one.rule for one in reduced.dropped}
    assert rules["debconf"] == "drop-questions"
    assert rules["libq"] == ORPHAN_RULE
    assert all("no kept file" in one.evidence for one in reduced.dropped)


def test_what_is_asked_for_stays() -> None:
    assert kept(drop([chosen("debconf", requested=True)])) == {"debconf"}


def test_an_unknown_dependency_is_a_real_one() -> None:
    packages = [chosen("data"), chosen("app", "data", requested=True)]
    assert kept(drop(packages)) == {"data", "app"}


PERL = [chosen("perl-base"), chosen("app", "perl-base", requested=True)]


@pytest.mark.parametrize("shebang", ["/usr/bin/perl -w", "/usr/bin/env perl", "/bin/perl"])
def test_a_kept_perl_program_keeps_perl(shebang: str) -> None:
    program = facts("app", interpreters={"/usr/bin/app": shebang})
    assert "perl-base" in kept(drop(PERL, program, facts("perl-base", "/usr/bin/perl")))


def test_a_perl_program_that_pruning_takes_away_keeps_nothing() -> None:
    program = facts("app", interpreters={"/usr/share/doc/app/x.pl": "/usr/bin/perl"})
    reduced = drop(
        PERL,
        program,
        facts("perl-base", "/usr/bin/perl"),
        pruned=lambda path: path.startswith("/usr/share/doc/"),
    )
    assert kept(reduced) == {"app"}


def test_a_kept_perl_module_keeps_perl() -> None:
    assert "perl-base" in kept(drop(PERL, facts("app", "/usr/share/perl5/App.pm")))


def test_a_soname_keeps_its_package_and_its_dependencies() -> None:
    packages = [
        chosen("libz"),
        chosen("dpkg", "libz"),
        chosen("app", "dpkg", requested=True),
    ]
    program = facts("app", "/usr/bin/app", needed=("libdpkg.so.1",))
    library = facts("dpkg", "/usr/lib/libdpkg.so.1.0", soname="libdpkg.so.1")
    assert kept(drop(packages, program, library)) == {"app", "dpkg", "libz"}


def test_a_command_the_recipe_runs_keeps_its_package() -> None:
    packages = [chosen("tar"), chosen("app", "tar", requested=True)]
    tools = facts("tar", "/bin/tar")
    assert kept(drop(packages, tools)) == {"app"}
    assert kept(drop(packages, tools, used=("tar",))) == {"app", "tar"}
    assert kept(drop(packages, tools, used=("/usr/bin/tar",))) == {"app", "tar"}


def test_openssl_goes_only_as_the_certificates_tool() -> None:
    certificates = chosen("ca-certificates", "openssl", requested=True)
    assert kept(drop([chosen("openssl"), certificates])) == {"ca-certificates"}
    real = [chosen("openssl"), certificates, chosen("app", "openssl", requested=True)]
    assert "openssl" in kept(drop(real))


def test_chains_lead_through_what_is_in_the_image() -> None:
    """A library that openssl brought, and that a kept package needs too, names the kept one."""
    packages = [
        replace(chosen("libssl3"), because=("packages[0]: ca-certificates", "…", "openssl → …")),
        chosen("openssl", "libssl3"),
        replace(chosen("ca-certificates", "openssl", requested=True), because=("packages[0]: c",)),
        chosen("modules", "libssl3 (>= 1)"),
        replace(chosen("app", "modules", requested=True), because=("packages[1]: app",)),
    ]
    reduced = drop(packages)
    (library,) = (one for one in reduced.kept if one.package.name == "libssl3")
    assert library.because == ("packages[1]: app", "app → modules", "modules → libssl3 (>= 1)")


def test_what_only_a_file_needs_keeps_the_resolvers_chain() -> None:
    because = ("packages[0]: app", "app → debconf", "debconf → perl-base")
    packages = [
        replace(chosen("perl-base"), because=because),
        chosen("debconf", "perl-base"),
        replace(chosen("app", "debconf", requested=True), because=("packages[0]: app",)),
    ]
    script = {"/usr/bin/app": "/usr/bin/perl"}
    perl = facts("perl-base", "/usr/bin/perl")
    reduced = drop(packages, facts("app", interpreters=script), perl)
    assert {one.package.name: one.because for one in reduced.kept}["perl-base"] == because


def test_systemd_goes_only_where_a_clause_means_sysusers() -> None:
    by_sysusers = chosen("app", "systemd | systemd-sysusers", requested=True)
    by_itself = chosen("app", "systemd", requested=True)
    assert kept(drop([chosen("systemd"), by_sysusers])) == {"app"}
    assert kept(drop([chosen("systemd"), by_itself])) == {"app", "systemd"}


def test_rule_ids_are_distinct_and_explained() -> None:
    ids = [rule.id for rule in DROP_RULES]
    assert len(set(ids)) == len(ids)
    assert all(rule.why and rule.packages for rule in DROP_RULES)
