"""A recipe's certificates in every trust store of a tree."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.certificates import WHEN, Made, make_certificate

from neve.effects.bench import EffectContext, Workbench
from neve.effects.certificate_rules import ALONE_RULE, LEAF_RULE, RULES, judge_certificates
from neve.effects.certificates import UNREACHED, add_certificates, stores_of
from neve.effects.generators import certificates, javastore
from neve.effects.generators.x509 import subject_hash
from neve.effects.keystore import KeyStoreError, with_certificates
from neve.formats.certificates import describe_certificate, read_certificates
from neve.model import Check, Fail, Origin, Pass, Skipped
from neve.recipe.types import Distribution, Recipe, Run, TrustedCertificate
from neve.tree import Inline, Kind, Tree

MakeTree = Callable[..., Tree]
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
ASKED = (("ca-certificates", ()),)
JAVA_ASKED = (("ca-certificates-java", ()),)
CORP = make_certificate("Corp CA")
RENEWED = make_certificate("Corp CA")
PUBLIC = make_certificate("Public Root")
LEAF = make_certificate("printer", authority=False)
MIDDLE = make_certificate("Middle CA", issuer=make_certificate("Unknown CA"))


def trusted(made: Made, name: str = "corp-ca", **more: object) -> TrustedCertificate:
    facts = describe_certificate(made.der)
    one = TrustedCertificate(
        name=name,
        der=base64.b64encode(made.der).decode(),
        fingerprint=facts.fingerprint,
        subject=facts.subject,
        issuer=facts.issuer,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key=facts.key,
        key_bits=facts.key_bits,
        signature_hash=facts.signature_hash,
        self_signed=facts.self_signed,
        source=f"{name}.pem:1",
        trust="authority" if facts.authority else "leaf",
    )
    return replace(one, **more)  # type: ignore[arg-type]  # names of its own fields


def recipe(*ones: TrustedCertificate, **environment: str) -> Recipe:
    return Recipe(
        name="app",
        base=Distribution(name="debian", release="13"),
        certificates=ones,
        run=Run(environment=tuple(environment.items())),
    )


def data(tree: Tree, path: str) -> bytes:
    entry = tree.locate(path)
    assert entry is not None, path
    content = tree.content_entry(entry).content
    assert isinstance(content, Inline)
    return content.data


def fingerprints(store: bytes) -> set[str]:
    return {
        hashlib.sha256(block.der).hexdigest() for block in read_certificates(store).certificates
    }


def settle(
    tree: Tree, what: Recipe, context: EffectContext, *, asked: bool = True, java: bool = False
) -> tuple[Check, ...]:
    """As a build does: certificates, then the generators; the checks."""
    placed = add_certificates(tree, what, context)
    certificates.run(Workbench(tree, context), ASKED if asked else ())
    javastore.run(Workbench(tree, context), JAVA_ASKED if java else ())
    return (*judge_certificates(tree, what, context), *placed.unreached)


@pytest.fixture
def image(make_tree: MakeTree) -> Tree:
    return make_tree({"/usr/share/ca-certificates/mozilla/Public.crt": PUBLIC.pem})


def test_bundle_links_and_openssls_default_hold_it_beside_the_public_roots(
    image: Tree, context: EffectContext
) -> None:
    what = recipe(trusted(CORP))
    settle(image, what, context)
    for path in (BUNDLE, "/usr/lib/ssl/cert.pem"):
        assert fingerprints(data(image, path)) == {CORP.fingerprint, PUBLIC.fingerprint}
    key = subject_hash(CORP.der)
    assert fingerprints(data(image, f"/etc/ssl/certs/{key}.0")) == {CORP.fingerprint}
    assert data(image, "/usr/local/share/ca-certificates/corp-ca.crt") == CORP.pem
    paths = {store.path for store in stores_of(image, what, add_certificates(image, what, context))}
    assert paths == {BUNDLE, "/etc/ssl/certs", "/usr/lib/ssl/cert.pem"}


def test_two_of_one_subject_get_hash_links_of_their_own(
    image: Tree, context: EffectContext
) -> None:
    settle(image, recipe(trusted(CORP, "old"), trusted(RENEWED, "new")), context)
    key = subject_hash(CORP.der)
    found = {number: data(image, f"/etc/ssl/certs/{key}.{number}") for number in (0, 1)}
    assert {one for held in found.values() for one in fingerprints(held)} == {
        CORP.fingerprint,
        RENEWED.fingerprint,
    }
    assert f"/etc/ssl/certs/{key}.2" not in image


def test_the_recipe_is_the_reason_of_what_it_brings(image: Tree, context: EffectContext) -> None:
    settle(image, recipe(trusted(CORP)), context)
    key = subject_hash(CORP.der)
    own = (
        "/usr/local/share/ca-certificates/corp-ca.crt",
        "/etc/ssl/certs/corp-ca.pem",
        f"/etc/ssl/certs/{key}.0",
    )
    for path in own:
        reason = image[path].reason
        assert (reason.origin, reason.subject) == (Origin.RECIPE, "certificates[corp-ca]")
        assert CORP.fingerprint[:16] in reason.detail
    assert image[BUNDLE].reason.subject == "ca-certificates"
    assert "corp-ca of the recipe" in image[BUNDLE].reason.detail
    public = image[f"/etc/ssl/certs/{subject_hash(PUBLIC.der)}.0"].reason
    assert public.origin is Origin.EFFECT


def test_a_name_that_a_public_root_has_is_not_taken_from_it(
    image: Tree, context: EffectContext
) -> None:
    certificates.run(Workbench(image, context), ASKED)
    settle(image, recipe(trusted(CORP, "Public")), context)
    assert fingerprints(data(image, "/etc/ssl/certs/Public.pem")) == {PUBLIC.fingerprint}
    assert fingerprints(data(image, "/etc/ssl/certs/Public-recipe.pem")) == {CORP.fingerprint}


def test_an_image_without_any_store_gets_one_of_just_these(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({})
    checks = settle(tree, recipe(trusted(CORP)), context, asked=False)
    assert fingerprints(data(tree, BUNDLE)) == {CORP.fingerprint}
    assert fingerprints(data(tree, "/usr/lib/ssl/cert.pem")) == {CORP.fingerprint}
    assert tree[BUNDLE].reason.origin is Origin.RECIPE
    (alone,) = (check for check in checks if check.rule == "certificate-alone")
    assert isinstance(alone.verdict, Pass)
    assert "corp-ca and nobody else" in alone.verdict.evidence


def test_without_certificates_nothing_is_touched(image: Tree, context: EffectContext) -> None:
    before = len(image)
    what = recipe()
    assert not add_certificates(image, what, context).copies
    assert not judge_certificates(image, what, context)
    assert len(image) == before


def test_debians_java_gets_them_in_its_key_store(image: Tree, context: EffectContext) -> None:
    what = recipe(trusted(CORP))
    settle(image, what, context, java=True)
    store = data(image, javastore.STORE)
    assert fingerprints(store) == {CORP.fingerprint, PUBLIC.fingerprint}
    assert read_certificates(store).password == "changeit"
    paths = [one.path for one in stores_of(image, what, add_certificates(image, what, context))]
    assert javastore.STORE in paths


def test_a_jre_that_lost_its_store_package_gets_a_store(
    make_tree: MakeTree, context: EffectContext
) -> None:
    link = "/usr/lib/jvm/java-21-openjdk-amd64/lib/security/cacerts"
    tree = make_tree({link: "/etc/ssl/certs/java/cacerts"})
    settle(tree, recipe(trusted(CORP)), context, asked=False)
    assert fingerprints(data(tree, link)) == {CORP.fingerprint}
    other = make_tree({link: "/etc/ssl/certs/java/cacerts"})
    settle(other, recipe(), context, asked=False)
    assert javastore.STORE not in other


COPIES = [
    "/opt/venv/lib/python3.13/site-packages/certifi/cacert.pem",
    "/opt/venv/lib/python3.13/site-packages/pip/_vendor/certifi/cacert.pem",
    "/usr/lib/python3/dist-packages/botocore/cacert.pem",
    "/usr/share/perl5/Mozilla/CA/cacert.pem",
    "/var/www/vendor/composer/ca-bundle/res/cacert.pem",
    "/var/lib/gems/3.3.0/gems/aws-sdk-core-3.200.0/ca-bundle.crt",
]


@pytest.mark.parametrize("path", COPIES)
def test_copies_that_programs_bring_are_added_to(
    make_tree: MakeTree, context: EffectContext, path: str
) -> None:
    tree = make_tree({path: PUBLIC.pem.rstrip()})
    what = recipe(trusted(CORP))
    placed = add_certificates(tree, what, context)
    held = tree[path]
    assert data(tree, path).startswith(PUBLIC.pem)
    assert fingerprints(data(tree, path)) == {CORP.fingerprint, PUBLIC.fingerprint}
    assert (held.reason.origin, held.owners, held.mode) == (Origin.RECIPE, ("demo",), 0o644)
    assert path in {store.path for store in stores_of(tree, what, placed)}


def test_a_copy_that_is_a_link_to_the_system_is_left_alone(
    image: Tree, context: EffectContext, make_tree: MakeTree
) -> None:
    path = "/usr/lib/python3/dist-packages/certifi/cacert.pem"
    tree = make_tree({"/usr/share/ca-certificates/mozilla/Public.crt": PUBLIC.pem, path: BUNDLE})
    certificates.run(Workbench(tree, context), ASKED)
    settle(tree, recipe(trusted(CORP)), context)
    assert tree[path].kind is Kind.SYMLINK
    assert data(tree, path).count(b"BEGIN") == 2
    del image


def test_a_hard_linked_copy_gets_them_and_its_other_name_stays(
    make_tree: MakeTree, context: EffectContext
) -> None:
    path = "/opt/certifi/cacert.pem"
    tree = make_tree({"/opt/other.pem": PUBLIC.pem, path: PUBLIC.pem})
    tree = Tree(
        replace(e, kind=Kind.HARDLINK, content=None, target="/opt/other.pem")
        if e.path == path
        else e
        for e in tree
    )
    add_certificates(tree, recipe(trusted(CORP)), context)
    assert fingerprints(data(tree, path)) == {CORP.fingerprint, PUBLIC.fingerprint}
    assert data(tree, "/opt/other.pem") == PUBLIC.pem


def test_what_cannot_be_reached_is_said(make_tree: MakeTree, context: EffectContext) -> None:
    tree = make_tree(
        {
            "/opt/jre/lib/security/cacerts": b"\xce\xce\xce\xce rest",
            "/opt/app/ca.pem": PUBLIC.pem,
            "/opt/certifi/cacert.pem": b"what is this",
        }
    )
    what = recipe(trusted(CORP), SSL_CERT_FILE="/opt/app/ca.pem", CURL_CA_BUNDLE=BUNDLE)
    unreached = add_certificates(tree, what, context).unreached
    said = {c.subject: c.verdict.reason for c in unreached if isinstance(c.verdict, Skipped)}
    assert set(said) == {
        "/opt/jre/lib/security/cacerts",
        "/opt/certifi/cacert.pem",
        "run.environment.SSL_CERT_FILE",
    }
    assert "JCEKS" in said["/opt/jre/lib/security/cacerts"]


def test_a_node_of_its_own_is_named_unless_it_is_told(
    make_tree: MakeTree, context: EffectContext
) -> None:
    tree = make_tree({"/usr/bin/node": b"packaged", "/opt/node/bin/node": b"own"})
    own = replace(tree["/opt/node/bin/node"].reason, origin=Origin.RECIPE)
    tree = Tree(replace(e, reason=own) if e.path.startswith("/opt") else e for e in tree)
    (check,) = add_certificates(tree, recipe(trusted(CORP)), context).unreached
    assert check.subject == "/opt/node/bin/node"
    told = recipe(trusted(CORP), NODE_EXTRA_CA_CERTS=BUNDLE)
    assert not add_certificates(tree, told, context).unreached


def jks(*entries: tuple[str, bytes]) -> bytes:
    return javastore.jks(entries, time=1)


def test_a_jks_grows_by_the_certificate_and_keeps_the_rest() -> None:
    old = jks(("one", PUBLIC.der))
    new = with_certificates(old, [("recipe:corp", CORP.der)], time=9)
    assert new.startswith(struct.pack(">III", 0xFEEDFEED, 2, 2))
    assert new[12:].startswith(old[12:-20])
    assert fingerprints(new) == {CORP.fingerprint, PUBLIC.fingerprint}
    assert read_certificates(new).password == "changeit"
    assert new == with_certificates(old, [("recipe:corp", CORP.der)], time=9)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (jks()[:10], "cut short"),
        (jks()[:-1] + b"x", "password"),
        (struct.pack(">III", 0xFEEDFEED, 1, 0) + bytes(20), "version 1"),
        (struct.pack(">III", 0xCECECECE, 2, 0) + bytes(20), "JCEKS"),
        (b"hello", "no Java key store"),
        (b"\x30\x03\x02\x01\x03", "PKCS#12"),
        (CORP.der, "PKCS#12"),
    ],
)
def test_a_store_that_cannot_be_added_to_says_why(store: bytes, said: str) -> None:
    with pytest.raises(KeyStoreError, match=said):
        with_certificates(store, [("a", CORP.der)], time=1)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x30", b"\x30\x81", b"\xfe\xed\xfe\xed"]))
def test_no_bytes_break_the_store(rest: bytes, head: bytes) -> None:
    with suppress(KeyStoreError):
        assert len(with_certificates(head + rest, [("a", CORP.der)], time=1)) > len(rest)


def verdicts(checks: tuple[Check, ...]) -> dict[str, str]:
    return {c.rule: c.verdict.evidence for c in checks if isinstance(c.verdict, Fail)}


NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("one", "rule", "said"),
    [
        (trusted(make_certificate(days=30)), "certificate-expired", "2026-01-31"),
        (
            trusted(make_certificate(start=WHEN + timedelta(days=300))),
            "certificate-not-yet-valid",
            "2026-10-28",
        ),
        (trusted(CORP, key="rsa 1024", key_bits=1024), "certificate-weak-key", "1024 bits"),
        (trusted(CORP, key="dsa 2048", key_bits=2048), "certificate-weak-key", "DSA"),
        (trusted(CORP, key="ec secp192r1", key_bits=192), "certificate-weak-key", "192 bits"),
        (trusted(CORP, key="unknown 1.2.3", key_bits=0), "certificate-weak-key", "1.2.3"),
        (trusted(CORP, signature_hash="md5"), "certificate-weak-hash", "MD5"),
        (
            trusted(CORP, signature_hash="sha1", self_signed=False),
            "certificate-weak-hash",
            "SHA1",
        ),
        (trusted(CORP, also=("b.pem:1",)), "certificate-duplicate", "b.pem:1"),
        (trusted(PUBLIC), "certificate-public", "/usr/share/ca-certificates/mozilla/Public.crt"),
        (trusted(MIDDLE), "certificate-no-issuer", "CN=Unknown CA"),
    ],
)
def test_each_rule_warns_with_subject_fingerprint_and_dates(
    image: Tree, context: EffectContext, one: TrustedCertificate, rule: str, said: str
) -> None:
    checks = settle(image, recipe(one), replace(context, time=NOW))
    found = verdicts(checks)
    assert said in found[rule]
    for part in (one.subject, one.fingerprint[:16], "2026-"):
        assert part in found[rule]


def test_a_sound_certificate_gives_no_warning(image: Tree, context: EffectContext) -> None:
    now = replace(context, time=NOW)
    fine = trusted(CORP, signature_hash="sha1")
    assert not settle(image, recipe(fine), now)
    young = trusted(make_certificate(start=datetime.fromtimestamp(NOW, UTC) + timedelta(days=5)))
    assert not settle(image, recipe(young), now)


def test_an_intermediate_is_fine_once_its_issuer_is_there(
    image: Tree, context: EffectContext
) -> None:
    root = make_certificate("Root")
    middle = make_certificate("Middle", issuer=root)
    both = recipe(trusted(root, "root"), trusted(middle, "middle"))
    assert not settle(image, both, replace(context, time=NOW))
    public = make_certificate("Under Public", issuer=PUBLIC)
    assert not settle(image, recipe(trusted(public)), replace(context, time=NOW))


def test_a_leaf_is_shown_as_such(image: Tree, context: EffectContext) -> None:
    (check,) = settle(image, recipe(trusted(LEAF)), replace(context, time=NOW))
    assert (check.rule, check.subject) == ("certificate-leaf", "corp-ca")
    assert isinstance(check.verdict, Pass)
    assert "trust: leaf" in check.verdict.evidence


def test_every_rule_has_a_name_of_its_own() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("certificate-") for one in ids)


def test_every_rule_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/rules.md").read_text()
    for rule in RULES:
        assert f"| `{rule.id}` | {rule.doc} |" in page
    for name in (UNREACHED, LEAF_RULE, ALONE_RULE):
        assert f"| `{name}` |" in page
