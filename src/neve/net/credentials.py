"""Logins by host, from ``~/.netrc`` and apt's auth files.

Read from netrc(5) and apt_auth.conf(5). A secret leaves this module only inside a `Login`,
whose representation hides it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from neve.net.addresses import stays

_FILE_LIMIT = 1024 * 1024
_APT_DIRECTORY = Path("/etc/apt")


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password; never shown."""

    name: str = field(repr=False)
    password: str = field(repr=False)

    def header(self) -> str:
        """The value of an ``Authorization: Basic`` header (RFC 7617)."""
        pair = f"{self.name}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """``host`` ``None`` is netrc's ``default``."""

    scheme: str | None
    host: str | None
    port: int | None
    path: str
    login: Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Logins to choose from, the first match wins. ``unread`` are files that refused reading."""

    entries: tuple[_Entry, ...] = field(default=(), repr=False)
    unread: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """From apt's files, then ``NETRC`` or ``~/.netrc`` (``_netrc`` on Windows)."""
        home = environment.get("HOME") or environment.get("USERPROFILE")
        netrcs = (
            [Path(environment["NETRC"])]
            if environment.get("NETRC")
            else [Path(home) / name for name in (".netrc", "_netrc")]
            if home
            else []
        )
        return cls.from_files([*_apt_files(_APT_DIRECTORY), *netrcs])

    @classmethod
    def from_files(cls, paths: Iterable[Path]) -> Credentials:
        """From netrc-like files; absent ones are passed over, unreadable ones are noted."""
        entries: list[_Entry] = []
        unread: list[str] = []
        for path in paths:
            try:
                with path.open("rb") as file:
                    text = file.read(_FILE_LIMIT).decode("utf-8", "surrogateescape")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                unread.append(str(path))
                continue
            entries.extend(_parse(text))
        return cls(entries=tuple(entries), unread=tuple(unread))

    def find(self, url: str, *, asked: str | None = None) -> Login | None:
        """The login for ``url``: the one in the address, else the first matching entry.

        An entry that names no protocol is for https alone (apt's rule), or for this very host,
        so that no password crosses a network in the clear by accident. ``asked`` is the address
        whose redirects led to ``url``: netrc's ``default`` is for the server that somebody chose,
        not for any that it names.
        """
        parts = urlsplit(url)
        if parts.username is not None:
            return Login(unquote(parts.username), unquote(parts.password or ""))
        host = (parts.hostname or "").lower()
        private = parts.scheme == "https" or _is_loopback(host)
        for entry in self.entries:
            if entry.scheme is None and not private:
                continue
            if entry.scheme not in (None, parts.scheme) or entry.host not in (None, host):
                continue
            if entry.host is None and asked is not None and not stays(asked, url):
                continue
            if entry.port not in (None, parts.port) or not parts.path.startswith(entry.path):
                continue
            return entry.login
        return None


def _apt_files(directory: Path) -> list[Path]:
    try:
        parts = sorted(p for p in (directory / "auth.conf.d").iterdir() if p.suffix == ".conf")
    except OSError:
        parts = []
    return [directory / "auth.conf", *parts]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(text: str) -> Iterator[str]:
    """Words of a netrc file without comments and macros."""
    in_macro = False
    for line in text.splitlines():
        stripped = line.strip()
        if in_macro:
            in_macro = bool(stripped)
            continue
        if stripped.startswith("#"):
            continue
        words = stripped.split()
        if words[:1] == ["macdef"]:
            in_macro = True
            continue
        yield from words


def _parse(text: str) -> Iterator[_Entry]:
    words = _words(text)
    machine: str | None = None
    started = False
    login = password = ""
    for word in words:
        if word in ("machine", "default"):
            if started and login:
                yield from _entry(machine, login, password)
            started, login, password = True, "", ""
            machine = next(words, "") if word == "machine" else None
        elif word == "login":
            login = next(words, "")
        elif word == "password":
            password = next(words, "")
    if started and login:
        yield from _entry(machine, login, password)


def _entry(machine: str | None, login: str, password: str) -> Iterator[_Entry]:
    secret = Login(_unquoted(login), _unquoted(password))
    if machine is None:
        yield _Entry(scheme=None, host=None, port=None, path="", login=secret)
        return
    scheme, separator, rest = machine.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return
    if host:
        yield _Entry(
            scheme=scheme if separator else None,
            host=host.lower(),
            port=port,
            path=parts.path,
            login=secret,
        )


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return word[1:-1] if quoted else word
