"""Secrets are told by structure, checksum and entropy; manuals and look-alikes are none.

Every token is assembled here, so that this file itself holds none.
"""

from __future__ import annotations

import base64
import json
import random
import string
import time
import zlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from neve.inventory.facts import Observing
from neve.inventory.observe_secrets import OBSERVERS
from neve.inventory.secret_rules import RULES
from neve.inventory.secrets_in import masked, scan_secrets, secrets_in_text
from neve.inventory.types import Candidate, Depth

DRAW = random.Random(20)
LETTERS = string.ascii_letters
ALNUM = LETTERS + string.digits
UPPER32 = string.ascii_uppercase + "234567"
HEXADECIMAL = "0123456789abcdef"


def drawn(count: int, alphabet: str = ALNUM) -> str:
    return "".join(DRAW.choice(alphabet) for _ in range(count))


def mixed(count: int) -> str:
    """Drawn, and sure to hold what a random text of that length nearly always holds."""
    return drawn(count - 4) + "q7Z3"


def github(prefix: str) -> str:
    body = drawn(30)
    number, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        check = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + check
    return f"{prefix}_{body}{check}"


def encoded(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def key(
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = EC_KEY,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    *,
    password: str = "",
) -> str:
    cipher: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        cipher = serialization.BestAvailableEncryption(password.encode())
    return private.private_bytes(serialization.Encoding.PEM, form, cipher).decode()


OPENSSH = base64.encodebytes(b"openssh-key-v1\0\0\0\0\x0aaes256-ctr" + bytes(range(200))).decode()
LOCKED = "".join(
    f"-----{word} OPENSSH PRIVATE KEY-----\n{text}"
    for word, text in (("BEGIN", OPENSSH), ("END", ""))
)
SLACK = f"https://hooks.slack.com/services/T{drawn(9, UPPER32)}/B{drawn(9, UPPER32)}/{mixed(24)}"
DISCORD = f"{encoded('123456' + '789012345678')}.{mixed(6)}.{mixed(38)}"
WEB_TOKEN = f"{encoded({'alg': 'RS256'})}.{encoded({'iss': 'kubernetes/x'})}.{drawn(86)}"
PASSWORD = "Tr" + "4ub8-" + "Kz9w"

REAL = [
    ("aws-access-key", "AKIA" + drawn(16, UPPER32)),
    ("aws-secret-key", f"aws_secret_access_key = {mixed(40)}"),
    ("google-api-key", "AIza" + mixed(35)),
    ("github-token", github("ghp")),
    ("github-token", f"https://x:{github('gho')}@github.com/a/b"),
    ("github-fine-grained-token", f"github_pat_{mixed(22)}_{mixed(59)}"),
    ("gitlab-token", "glpat-" + mixed(20)),
    ("slack-token", f"xoxb-{drawn(11, string.digits)}-{drawn(12, string.digits)}-{mixed(24)}"),
    ("slack-webhook", SLACK),
    ("stripe-key", "sk_" + "live_" + mixed(24)),
    ("npm-token", "npm_" + mixed(36)),
    ("pypi-token", "pypi-AgEIcHlwaS5vcmc" + mixed(120)),
    ("sendgrid-key", f"SG.{mixed(22)}.{mixed(43)}"),
    ("twilio-key", f"TWILIO_KEY: SK{drawn(32, HEXADECIMAL)}"),
    ("telegram-token", f"{drawn(9, '23456789')}:AA{mixed(33)}"),
    ("discord-token", f"DISCORD_TOKEN={DISCORD}"),
    ("docker-token", "dckr_pat_" + mixed(27)),
    ("digitalocean-token", "dop_v1_" + drawn(64, HEXADECIMAL)),
    ("openai-key", f"sk-proj-{mixed(40)}T3BlbkFJ{mixed(40)}"),
    ("huggingface-token", "hf_" + drawn(34, LETTERS)),
    ("age-key", "AGE-SECRET-KEY-1" + drawn(58, UPPER32)),
    ("json-web-token", WEB_TOKEN),
    ("azure-key", f"AccountName=a;AccountKey={mixed(86)}==;EndpointSuffix=core.windows.net"),
    ("url-password", f"DATABASE_URL=postgresql://app:{PASSWORD}@db.internal:5432/app"),
    ("docker-login", json.dumps({"auths": {"r.io": {"auth": basic("u", PASSWORD)}}})),
    ("basic-authorization", f"Authorization: Basic {basic('deploy', PASSWORD)}"),
    ("netrc-password", f"machine git.internal\n  login ci\n  password {PASSWORD}\n"),
    ("wireguard-private-key", f"[Interface]\nPrivateKey = {mixed(43)}=\n"),
    ("password-hash", f"root:$6$saltsalt${drawn(86)}:19000:0:99999:7:::"),
    ("password-hash", f"admin:$2y$10${drawn(53)}"),
    ("password-hash", f"u:$y$j9T${drawn(22)}${drawn(43)}:1:"),
    ("assigned-secret", f"  client_secret: {mixed(32)}"),
    ("assigned-secret", f'"apiKey": "{drawn(28, HEXADECIMAL)}7a4f"'),
    ("assigned-secret", f"export DB_PASSWORD='{mixed(20)}'"),
    ("private-key", key()),
    ("private-key", key(RSA_KEY, serialization.PrivateFormat.TraditionalOpenSSL)),
    ("private-key", key(form=serialization.PrivateFormat.OpenSSH)),
    ("private-key", json.dumps({"type": "service_account", "private_key": key(RSA_KEY)})),
    ("private-key", "KEY = (\n" + "".join(f'  "{x}\\n"\n' for x in key().splitlines()) + ")"),
    ("encrypted-private-key", key(password="abcdef")),
    ("encrypted-private-key", LOCKED),
    ("encoded-private-key", f"client-key-data: {base64.b64encode(key().encode()).decode()}"),
]  # fmt: skip

ALIKE = [
    "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "gh" + "p_" + "a1B2" * 9,
    "ghp_" + "x" * 36,
    f"token={'X' * 40}",
    "postgresql://user:password@localhost/db",
    "postgresql://scott:tiger@localhost/test",
    "https://user:" + PASSWORD + "@example.com/",
    "mysql://root:${DB_PASSWORD}@db/app",
    "redis://:$REDIS_PASSWORD@cache",
    "password = get_password_from_environment()",
    "secret: <your-secret-here>",
    "api_key: your-api-key-goes-here-1234",
    "PASSWORD=changeme123456",
    "token = next_token2(self.lexer9)",
    "secret_key = os.environ['SECRET_KEY_BASE_64']",
    "password: CorrectHorseBatteryStaple2",
    "eyJ" + "hbGciOiJIUzI1NiJ9.not-json-at-all.signature-of-it-all",
    f"{encoded({'alg': 'HS256'})}.{encoded({'name': 'John Doe'})}.{drawn(43)}",
    f"hash: $6$saltsalt${drawn(86)}",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\n",
    "machine example login me password yourpassword",
    "basic " + "understanding of the token",
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" + "A7b9" * 21 + "Zq==",
    "access_key 2024-01-01T00:00:00Z",
]


@pytest.mark.parametrize(("rule", "text"), REAL, ids=[f"{n}-{r}" for n, (r, _) in enumerate(REAL)])
def test_a_secret_is_found_by_its_rule_and_never_repeated(rule: str, text: str) -> None:
    found = secrets_in_text(f"# a line\n{text}\n")
    assert [secret.rule for secret in found] == [rule]
    assert found[0].line >= 2
    shown = found[0].hint.partition(" (")[0]
    longest = max(len(part) for part in shown.split("…"))
    assert longest <= 4 or "PRIVATE KEY" in shown


@pytest.mark.parametrize("text", ALIKE, ids=range(len(ALIKE)))
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert secrets_in_text(f"# a line\n{text}\n") == ()


def test_every_rule_has_a_case() -> None:
    tested = {rule for rule, _ in REAL}
    bare = {rule.id for rule in RULES} - tested
    assert bare <= {
        "google-oauth-secret", "rubygems-token", "mailgun-key", "discord-webhook", "heroku-key",
        "shopify-token", "anthropic-key", "vault-token", "terraform-token", "grafana-token",
        "databricks-token", "putty-private-key",
    }  # fmt: skip


FORMS = [
    ("google-oauth-secret", "GOCSPX-" + mixed(28)),
    ("rubygems-token", "rubygems_" + drawn(48, HEXADECIMAL)),
    ("mailgun-key", "mailgun: key-" + drawn(32, HEXADECIMAL)),
    ("discord-webhook", f"/api/webhooks/{drawn(18, '23456789')}/{mixed(68)}"),
    ("heroku-key", "HRKU-" + mixed(60)),
    ("shopify-token", "shpat_" + drawn(32, HEXADECIMAL)),
    ("anthropic-key", "sk-ant-api03-" + mixed(93)),
    ("vault-token", "hvs." + mixed(95)),
    ("terraform-token", mixed(14) + ".atlasv1." + mixed(67)),
    ("grafana-token", f"glsa_{mixed(32)}_{drawn(8, HEXADECIMAL)}"),
    ("databricks-token", "dapi" + drawn(32, HEXADECIMAL)),
    (
        "putty-private-key",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 1\n"
        + mixed(64) + "\nPrivate-Lines: 1\n" + mixed(48) + "\nPrivate-MAC: 00\n",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text"), FORMS, ids=[rule for rule, _ in FORMS])
def test_rarer_forms(rule: str, text: str) -> None:
    assert [secret.rule for secret in secrets_in_text(text)] == [rule]


def observe(data: bytes) -> list[tuple[str, int]]:
    observing = Observing(Depth.FULL, OBSERVERS)
    facts = observing.observe(Candidate(path="/x", mode=0o644, size=len(data)), memoryview(data))
    return [(secret.rule, secret.line) for secret in facts.secrets] if facts else []


def test_other_encodings_and_binary_files() -> None:
    token = github("ghs")
    assert observe(f"\n\na={token}\n".encode()) == [("github-token", 3)]
    assert observe(f"\n\na={token}\n".encode("utf-16")) == [("github-token", 3)]
    assert observe(b"\0\1\2\3" * 4 + token.encode() + b"\0") == [("github-token", 0)]
    assert observe(b"\x7fELF" + b"\0" * 12 + token.encode()) == []


def test_a_general_rule_does_not_repeat_what_a_special_one_says() -> None:
    assert [s.rule for s in secrets_in_text(f"GITHUB_TOKEN={github('ghp')}")] == ["github-token"]


def test_a_file_full_of_secrets_says_that_it_stopped() -> None:
    found = scan_secrets("\n".join(github("ghp") for _ in range(300)).encode(), binary=False)
    assert len(found.secrets) == 100
    assert found.problems


@pytest.mark.parametrize(
    "text",
    [b"AKIA", b"eyJ.", b"eyJa" + b"a.", b"://a:", b"://" + b"a" * 90, b":$6$", b"password = ",
     b"password=" + b"a1B" * 43, b"-----BEGIN PRIVATE KEY-----\n", b"machine a login b password ",
     b"PuTTY-User-Key-File-3: a\nEncryption: b\n", b"discord M", b"T3BlbkFJ", b".atlasv1.",
     b'"auth" : "' + b"A" * 50, b"basic " + b"A" * 300, b"aws" + b"_" * 30 + b"=", b"a" * 100,
     b"-----BEGIN PRIVATE KEY-----" + b"A" * 60 + b"\n-----END PRIVATE KEY-----\n", b":AA",
     b"k_live_"],
    ids=range(21),
)  # fmt: skip
def test_hostile_text_costs_no_more_than_its_size(text: bytes) -> None:
    data = text * (2_000_000 // len(text))
    start = time.process_time()
    scan_secrets(data, binary=False)
    assert time.process_time() - start < 3


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from([text for _, text in REAL]), st.binary(max_size=400)
)
def test_any_surroundings_are_survived(before: bytes, case: tuple[str, str], behind: bytes) -> None:
    text = case[1]
    scan_secrets(before + text.encode() + behind, binary=False)
    scan_secrets(before + text.encode() + behind, binary=True)


def test_a_long_text_is_read_to_its_end_and_every_line_counted() -> None:
    token = github("ghp")
    filler = b"just words on a line\n" * 420_000  # more than a chunk
    data = filler + f"a = {token}\n".encode() + filler + f"b = {token}\n".encode()
    found = scan_secrets(memoryview(data), binary=False)
    assert [secret.line for secret in found.secrets] == [420_001, 840_002]


@pytest.mark.parametrize("before", [(8 << 20) - 20, 8 << 20, (8 << 20) + (64 << 10) - 20])
def test_a_secret_across_two_chunks_is_found_once(before: int) -> None:
    data = b" " * before + github("ghp").encode() + b" " * 100
    assert len(scan_secrets(data, binary=False).secrets) == 1


def test_masks() -> None:
    assert masked(b"abcdefghijklmnopqrstuvwxyz") == "abcd…yz (26 characters)"
    assert masked(b"hunter22") == "h…2 (8 characters)"
    assert masked(b"\x1b[31mredredredredredredred").isprintable()
