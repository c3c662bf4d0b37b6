"""The table of what counts as a secret: one rule a row, told by structure, checksum or entropy.

Formats as their makers publish them. ``literals`` are looked for first, so that a pattern is only
tried where it may fit; every repetition is bounded, so that no text makes one slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from neve.inventory.secret_checks import (
    credentials,
    decoded,
    github_checksum,
    is_placeholder,
    json_object,
    looks_like_password,
    looks_random,
)
from neve.inventory.secret_places import Where

Check = Callable[[bytes, bytes], bool]
"""Whether (the value, some text before and behind it) is a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule:
    """``pattern`` is tried from ``lead`` bytes before each of ``literals`` on; its group ``s``, or
    else all of it, is the value that ``check`` judges.

    ``where`` says how near to a long run of characters the literals stand; ``folded`` ones are
    found in any case, near one. ``binary``: looked for in files that are no text, too.
    ``meaning`` is for the documentation, ``judged`` says how a value is told from a likeness.
    """

    id: str
    meaning: str
    judged: str
    literals: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    check: Check
    lead: int = 0
    folded: bool = False
    binary: bool = True
    where: Where = Where.RUN


def _drawn(value: bytes, around: bytes) -> bool:
    del around
    return not is_placeholder(value)


def _random(value: bytes, around: bytes) -> bool:
    del around
    return looks_random(value)


def _password(value: bytes, around: bytes) -> bool:
    del around
    return looks_like_password(value)


def _near(words: bytes, value: bytes, around: bytes) -> bool:
    return words in around.lower() and not is_placeholder(value)


def _github(value: bytes, around: bytes) -> bool:
    del around
    return github_checksum(value)


def _web_token(value: bytes, around: bytes) -> bool:
    del around
    header, payload, _ = value.split(b".", 2)
    first, second = json_object(header), json_object(payload)
    # The example of every manual is John Doe's.
    return (
        first is not None
        and "alg" in first
        and bool(second)
        and b"John Doe" not in (decoded(payload) or b"")
    )


def _docker(value: bytes, around: bytes) -> bool:
    return b'"auths"' in around and credentials(value) is not None


def _basic(value: bytes, around: bytes) -> bool:
    del around
    return credentials(value) is not None


def _encoded_key(value: bytes, around: bytes) -> bool:
    del around
    return b"PRIVATE KEY-----" in (decoded(value) or b"")


def _storage(value: bytes, around: bytes) -> bool:
    # The emulator's account has a key that is the same for everybody.
    return b"devstoreaccount1" not in around and not is_placeholder(value)


_MANUAL_HOST = re.compile(
    rb"@(?:[\w-]+\.)*(?:example(?:\.\w+)?|host(?:name)?|server|domain)\b", re.I
)


def _url(value: bytes, around: bytes) -> bool:
    return looks_like_password(value) and not _MANUAL_HOST.search(around)


_ACCOUNT = re.compile(rb"(?:\A|\n)[A-Za-z0-9_.@-]{1,64}:\Z")


def _hash(value: bytes, around: bytes) -> bool:
    before = around.partition(value)[0]
    return _ACCOUNT.search(before[-66:]) is not None and not is_placeholder(value[-20:])


def _discord(value: bytes, around: bytes) -> bool:
    del around
    account = decoded(value.partition(b".")[0])
    return account is not None and account.isdigit()


def _token(
    id: str,  # noqa: A002 (the field's name)
    meaning: str,
    prefix: tuple[bytes, ...],
    pattern: bytes,
    check: Check = _drawn,
    judged: str = "its form, and no placeholder's words",
    lead: int = 0,
) -> SecretRule:
    """A rule for tokens that begin with words of their own."""
    whole = re.compile(rb"(?<![A-Za-z0-9_])(?P<s>" + pattern + rb")(?![A-Za-z0-9_])")
    return SecretRule(
        id=id,
        meaning=meaning,
        judged=judged,
        literals=prefix,
        pattern=whole,
        check=check,
        lead=lead,
    )


TOKENS = (
    _token("aws-access-key", "the id of an AWS access key", (b"AKIA", b"ASIA"),
           rb"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    _token("google-api-key", "a Google API key", (b"AIza",), rb"AIza[A-Za-z0-9_-]{35}"),
    _token("google-oauth-secret", "the secret of a Google OAuth client", (b"GOCSPX-",),
           rb"GOCSPX-[A-Za-z0-9_-]{28}"),
    _token("github-token", "a GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
           rb"gh[pousr]_[A-Za-z0-9]{36}", _github, "its checksum"),
    _token("github-fine-grained-token", "a GitHub token", (b"github_pat_",),
           rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("gitlab-token", "a GitLab token",
           (b"glpat-", b"gldt-", b"glrt-", b"glptt-", b"glagent-"),
           rb"(?:glpat|gldt|glrt|glptt|glagent)-[A-Za-z0-9_-]{20,60}"),
    _token("slack-token", "a Slack token", (b"xox", b"xapp-"),
           rb"xox[abeoprs]-[0-9]{8,14}-[A-Za-z0-9-]{16,120}"
           rb"|xapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{64}"),
    _token("slack-webhook", "an address that posts to Slack", (b"hooks.slack.com/",),
           rb"hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,32}"),
    _token("stripe-key", "a live Stripe key", (b"k_live_",), rb"[sr]k_live_[A-Za-z0-9]{24,120}",
           lead=2),
    _token("npm-token", "an npm token", (b"npm_",), rb"npm_[A-Za-z0-9]{36}", _random,
           "its form and entropy"),
    _token("pypi-token", "a PyPI token", (b"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{60,250}"),
    _token("rubygems-token", "a RubyGems token", (b"rubygems_",), rb"rubygems_[a-f0-9]{48}"),
    _token("docker-token", "a Docker Hub token", (b"dckr_",),
           rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,36}"),
    _token("sendgrid-key", "a SendGrid key", (b"SG.",),
           rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _token("twilio-key", "a Twilio key, near that name", (b"SK",), rb"SK[0-9a-f]{32}",
           partial(_near, b"twilio")),
    _token("mailgun-key", "a Mailgun key, near that name", (b"key-",), rb"key-[0-9a-f]{32}",
           partial(_near, b"mailgun")),
    _token("telegram-token", "a Telegram bot's token", (b":AA",),
           rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
           lead=10),
    _token("discord-webhook", "an address that posts to Discord", (b"/api/webhooks/",),
           rb"/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,72}"),
    _token("heroku-key", "a Heroku key", (b"HRKU-",), rb"HRKU-[A-Za-z0-9_-]{36,64}"),
    _token("digitalocean-token", "a DigitalOcean token", (b"_v1_",), rb"do[opr]_v1_[a-f0-9]{64}",
           lead=3),
    _token("shopify-token", "a Shopify token", (b"shpat_", b"shpca_", b"shppa_", b"shpss_"),
           rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _token("openai-key", "an OpenAI key", (b"T3BlbkFJ",),
           rb"sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100}", lead=112),
    _token("anthropic-key", "an Anthropic key", (b"sk-ant-",),
           rb"sk-ant-[a-z]{2,8}[0-9]{2}-[A-Za-z0-9_-]{80,120}"),
    _token("huggingface-token", "a Hugging Face token", (b"hf_",), rb"hf_[A-Za-z0-9]{34}"),
    _token("vault-token", "a HashiCorp Vault token", (b"hvs.", b"hvb."),
           rb"hv[sb]\.[A-Za-z0-9_-]{90,220}"),
    _token("terraform-token", "a Terraform Cloud token", (b".atlasv1.",),
           rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}", lead=14),
    _token("grafana-token", "a Grafana token", (b"glsa_",), rb"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}"),
    _token("databricks-token", "a Databricks token", (b"dapi",), rb"dapi[a-f0-9]{32}"),
    _token("age-key", "an age identity", (b"AGE-SECRET-KEY-1",), rb"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _token("json-web-token", "a signed JSON web token (a Kubernetes token is one)", (b"eyJ",),
           rb"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{16,1400}",
           _web_token, "its header and payload, which must be JSON"),
)  # fmt: skip

_CRYPT = (
    rb"\$(?:6\$(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
    rb"|5\$(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"
    rb"|(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"
    rb"|2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}"
    rb"|(?:y|gy|7)\$[./A-Za-z0-9]{1,20}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}"
    rb"|argon2(?:id|i|d)\$v=[0-9]{1,3}\$[a-z0-9=,]{5,40}\$[A-Za-z0-9+/]{8,90}\$[A-Za-z0-9+/]{16,90})"
)

_ASSIGNED = (
    rb"(?i:passwo?r?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|credential)"
    rb"[A-Za-z0-9_.-]{0,30}[\"']?\]?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}[\"'`]?"
    rb"(?P<s>[^\s\"'`<>(){}\[\],;$%&|\\]{16,128})(?![(\[.\w])"
)

OTHERS = (
    SecretRule(
        id="discord-token",
        meaning="a Discord bot's token, close behind that name",
        judged="the account's number in it",
        literals=(b"discord",),
        folded=True,
        pattern=re.compile(
            rb"(?i:discord)[^\n]{0,80}?[^A-Za-z0-9_-]"
            rb"(?P<s>[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38})"
        ),
        check=_discord,
        binary=False,
    ),
    SecretRule(
        id="putty-private-key",
        meaning="a PuTTY private key",
        judged="its lines",
        literals=(b"PuTTY-User-Key-File-",),
        pattern=re.compile(
            rb"PuTTY-User-Key-File-[123]: [ -~]{1,80}\r?\nEncryption: [ -~]{1,40}\r?\n"
            rb"(?:[^\n]{0,200}\n){1,200}?Private-Lines: [0-9]{1,4}\r?\n(?P<s>[A-Za-z0-9+/=]{16,80})"
        ),
        check=_drawn,
    ),
    SecretRule(
        id="aws-secret-key",
        meaning="the secret of an AWS access key, named so",
        judged="its form and entropy",
        literals=(b"aws",),
        folded=True,
        pattern=re.compile(
            rb"(?i:aws)[A-Za-z0-9_.-]{0,30}[\"']?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}[\"']?"
            rb"(?P<s>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        check=_random,
    ),
    SecretRule(
        id="azure-key",
        meaning="the key in an Azure connection string",
        judged="its form; the emulator's is nobody's",
        literals=(b"AccountKey=", b"SharedAccessKey="),
        pattern=re.compile(rb"(?:Shared)?Acc(?:ount|ess)Key=(?P<s>[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=)"),
        check=_storage,
        lead=0,
    ),
    SecretRule(
        id="url-password",
        meaning="an address with user and password: a database, a broker, a proxy",
        judged="a password that is neither a word nor a placeholder, a host that is no manual's",
        literals=(b"://",),
        pattern=re.compile(
            rb"://[A-Za-z0-9_.%+-]{1,80}:(?P<s>[^\s:@/\"'`<>|\\]{6,128})@[A-Za-z0-9\[_-]"
        ),
        check=_url,
        binary=False,
    ),
    SecretRule(
        id="docker-login",
        meaning="a registry's password in a Docker or Podman configuration",
        judged="it decodes to user and password",
        literals=(b'"auth"',),
        pattern=re.compile(rb'"auth"\s{0,20}:\s{0,20}"(?P<s>[A-Za-z0-9+/]{8,4000}={0,2})"'),
        where=Where.AROUND,
        check=_docker,
    ),
    SecretRule(
        id="basic-authorization",
        meaning="an HTTP header with user and password",
        judged="it decodes to user and password",
        literals=(b"basic ",),
        folded=True,
        pattern=re.compile(
            rb"(?i:basic) {1,4}(?P<s>[A-Za-z0-9+/]{14,400}={0,2})(?![A-Za-z0-9+/=])"
        ),
        check=_basic,
        binary=False,
    ),
    SecretRule(
        id="encoded-private-key",
        meaning="a private key in base64 once more, as kubeconfig and Secret manifests hold it",
        judged="it decodes to a private key",
        literals=(b"LS0tLS1CRUdJTi",),
        pattern=re.compile(rb"(?P<s>LS0tLS1CRUdJTi[A-Za-z0-9+/]{80,16000}={0,2})"),
        check=_encoded_key,
    ),
    SecretRule(
        id="netrc-password",
        meaning="a password in the form of netrc(5)",
        judged="a password that is neither a word nor a placeholder",
        literals=(b"machine",),
        pattern=re.compile(
            rb"machine\s{1,8}[^\s]{1,200}\s{1,8}login\s{1,8}[^\s]{1,200}\s{1,8}"
            rb"password\s{1,8}(?P<s>[^\s]{6,200})"
        ),
        check=_password,
        where=Where.ANYWHERE,
        binary=False,
    ),
    SecretRule(
        id="wireguard-private-key",
        meaning="a WireGuard private key",
        judged="its form and entropy",
        literals=(b"PrivateKey",),
        pattern=re.compile(
            rb"PrivateKey[ \t]{0,8}=[ \t]{0,8}(?P<s>[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9])"
        ),
        where=Where.AROUND,
        check=_drawn,
        binary=False,
    ),
    SecretRule(
        id="password-hash",
        meaning="a password's hash on a line of its user (shadow(5), htpasswd)",
        judged="the form of crypt(5)",
        literals=(b":$",),
        pattern=re.compile(rb":(?P<s>" + _CRYPT + rb")(?=[:\s]|\Z)"),
        check=_hash,
        binary=False,
    ),
    SecretRule(
        id="assigned-secret",
        meaning="a value of high entropy given to a password, secret, token or key",
        judged="length, entropy and the order of letters and digits; no placeholder, no word",
        literals=(b"passw", b"passphrase", b"pwd", b"secret", b"token", b"api_key", b"apikey",
                  b"api-key", b"access_key", b"accesskey", b"access-key", b"auth_key", b"authkey",
                  b"credential"),
        folded=True,
        pattern=re.compile(_ASSIGNED),
        check=_random,
        binary=False,
    ),
)  # fmt: skip

RULES = (*TOKENS, *OTHERS)
"""Every rule of text; private keys and key stores have their own reader (``secret_keys``)."""
