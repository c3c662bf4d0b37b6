"""Answering a registry's challenge: Basic, or a bearer token from its token service.

Sources: RFC 7235 (challenges), RFC 7617 (Basic), and Distribution's "Token Authentication" and
"OAuth2 Token Authentication". A login is that of the registry alone: it goes to the registry's
own origin, and to the token service that this registry names, never over http where the
registry itself speaks https, and never along with a redirect to another server.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from neve.errors import TrustError
from neve.net import AccessError, Exchanger, Login, NetworkError, Request, shown
from neve.net.addresses import same_server
from neve.oci.reference import is_loopback
from neve.oci.registry_credentials import IdentityToken, Secret

_MAX_TOKEN = 256 << 10
_MAX_HEADER = 16 << 10
_CLIENT = "neve"
_PARAMETER = re.compile(r'([A-Za-z0-9!#$%&\'*+.^_`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+|$)(?!=)")
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One ``WWW-Authenticate`` challenge; scheme and parameter names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: tuple[str, ...]) -> tuple[Challenge, ...]:
    """The challenges of some headers, in order; what can't be read is left out."""
    found: list[Challenge] = []
    for header in headers:
        if len(header) > _MAX_HEADER:
            continue
        position = 0
        while (match := _SCHEME.match(header, position)) is not None:
            position = match.end()
            parameters: dict[str, str] = {}
            while (pair := _PARAMETER.match(header, position)) is not None:
                quoted, bare = pair[2], pair[3]
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
                parameters.setdefault(pair[1].lower(), value)
                comma = re.compile(r"\s*,\s*").match(header, pair.end())
                position = comma.end() if comma else pair.end()
            found.append(Challenge(scheme=match[1].lower(), parameters=parameters))
    return tuple(found)


@dataclass(slots=True)
class _Session:
    """What a registry asked for, and the tokens it gave by scope."""

    basic: str | None = field(default=None, repr=False)
    tokens: dict[frozenset[str], str] = field(default_factory=dict, repr=False)


class RegistryAuth:
    """The logins of one registry at ``base`` (``https://HOST``), shared by all its requests.

    ``secret`` looks the login of a repository up, asked only once a registry wants one.
    """

    def __init__(
        self,
        base: str,
        client: Exchanger,
        secret: Callable[[str], Secret | None],
        *,
        direct: bool,
    ) -> None:
        self.base = base
        self._client = client
        self._secret = secret
        self._direct = direct
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    def guard(self, repository: str, *scopes: str) -> RegistryGuard:
        """The guard of requests about ``repository`` that need ``scopes``."""
        return RegistryGuard(self, repository, frozenset(scopes))

    def header(self, repository: str, scopes: frozenset[str], url: str) -> str | None:
        """What to send to ``url``: nothing to any server but the registry."""
        if not same_server(url, self.base):
            return None
        # Without the lock: it may be held while a token is asked for, which takes a connection
        # that whoever waits here already has.
        session = self._sessions.get(repository)
        if session is None:
            return None
        token = session.tokens.get(scopes)
        return f"Bearer {token}" if token else session.basic

    def answer(
        self, repository: str, scopes: frozenset[str], used: str | None, headers: tuple[str, ...]
    ) -> bool:
        """Get what the challenges want; whether there is something new to try.

        ``used`` is the header that was refused.
        """
        with self._lock:
            session = self._sessions.setdefault(repository, _Session())
            token = session.tokens.get(scopes)
            now = f"Bearer {token}" if token else session.basic
            if now is not None and now != used:
                return True  # another thread has answered it meanwhile
            for challenge in parse_challenges(headers):
                if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                    fresh = self._token(repository, scopes, challenge)
                    session.tokens[scopes] = fresh
                    return f"Bearer {fresh}" != used
                if challenge.scheme == "basic":
                    secret = self._secret(repository)
                    if isinstance(secret, Login) and secret.header() != used:
                        self._refuse_open(self.base)
                        session.basic = secret.header()
                        return True
            return False

    def _token(self, repository: str, scopes: frozenset[str], challenge: Challenge) -> str:
        realm = challenge.parameters["realm"]
        service = challenge.parameters.get("service", "")
        wanted = sorted(scopes | set(challenge.parameters.get("scope", "").split(" ")) - {""})
        self._check_realm(realm)
        secret = self._secret(repository)
        fields = [("service", service)] if service else []
        if isinstance(secret, IdentityToken):
            self._refuse_open(realm)
            request = _refresh(realm, fields, wanted, secret)
        else:
            query = [*fields, *(("scope", scope) for scope in wanted)]
            if secret is not None:
                self._refuse_open(realm)
                query.insert(0, ("account", secret.name))
            joint = "&" if urlsplit(realm).query else "?"
            request = Request(
                method="GET",
                url=f"{realm}{joint}{urlencode(query)}",
                guard=_Realm(realm, secret),
                limit=_MAX_TOKEN,
                direct=self._direct,
            )
        try:
            answer = self._client.send(request)
        except AccessError as error:
            raise _refused(realm, 401) from error
        if answer.status != 200:
            raise _refused(realm, answer.status)
        return _token_of(answer.body, realm)

    def _check_realm(self, realm: str) -> None:
        try:
            parts = urlsplit(realm)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            secure = parts.scheme == "https" or not self.base.startswith("https:")
            named = parts.username is not None
        except ValueError:
            usable = secure = named = False
        if not usable or not secure or named:
            raise TrustError(
                f"{shown(self.base)}: refused to ask {shown(realm)} for a token",
                resolution="A token service must be reached by https. Tell whoever runs the "
                "registry; do not log in there.",
            )

    def _refuse_open(self, url: str) -> None:
        """No secret crosses a network in the clear, but to a registry that is set to plain http."""
        parts = urlsplit(url)
        if parts.scheme == "https" or is_loopback(parts.netloc) or same_server(url, self.base):
            return
        raise TrustError(
            f"{shown(self.base)}: refused to send a login to {shown(url)} without TLS",
            resolution="Reach the registry and its token service by https.",
        )


@dataclass(frozen=True, slots=True)
class RegistryGuard:
    """The login of one repository and what is done with it, for ``net``."""

    auth: RegistryAuth
    repository: str
    scopes: frozenset[str]

    def header(self, url: str) -> str | None:
        """The ``Authorization`` for ``url``; none for any server but the registry's."""
        return self.auth.header(self.repository, self.scopes, url)

    def challenged(self, url: str, used: str | None, challenges: tuple[str, ...]) -> bool:
        """Get the token that the registry asks for; ``False`` for another server's wish."""
        if not same_server(url, self.auth.base):
            return False
        return self.auth.answer(self.repository, self.scopes, used, challenges)


@dataclass(frozen=True, slots=True)
class _Realm:
    """The registry's login, for its token service and nobody that this redirects to."""

    realm: str
    secret: Login | None = field(repr=False)

    def header(self, url: str) -> str | None:
        own = self.secret is not None and same_server(url, self.realm)
        return self.secret.header() if self.secret is not None and own else None

    def challenged(self, _url: str, _used: str | None, _challenges: tuple[str, ...]) -> bool:
        return False


def _refresh(
    realm: str, fields: list[tuple[str, str]], scopes: list[str], secret: IdentityToken
) -> Request:
    form = [
        ("grant_type", "refresh_token"),
        *fields,
        ("client_id", _CLIENT),
        ("scope", " ".join(scopes)),
        ("refresh_token", secret.token),
    ]
    return Request(
        method="POST",
        url=realm,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        limit=_MAX_TOKEN,
    )


def _token_of(body: bytes, realm: str) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    fields = document if isinstance(document, dict) else {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NetworkError(
            realm, "gave no token", resolution="Check the registry's name; try again later."
        )
    return token


def _refused(realm: str, status: int) -> AccessError:
    return AccessError(
        realm,
        f"gave no token ({status})",
        resolution="Log in anew with `podman login` or `docker login`, and check that this user "
        "may reach the repository.",
    )
