"""Addresses: which are usable, where a redirect may lead, and what travels with it."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit, urlunsplit

from neve.net.failure import NetworkError, shown


def bare(url: str) -> str:
    """``url`` without user and password: they travel in a header to this host alone."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def refuse_unusable(url: str) -> None:
    """Raise `NetworkError` unless ``url`` is an http or https address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise NetworkError(
            url,
            "not an http or https address",
            resolution="correct the address in the settings or the recipe",
        )


def same_server(one: str, other: str) -> bool:
    """Whether both addresses have the same scheme, host and port (RFC 6454's origin)."""
    return _origin(one) == _origin(other)


def stays(asked: str, url: str) -> bool:
    """Whether a redirect from ``asked`` to ``url`` stays with the same server, be it by https on
    its own port instead of http.
    """
    if same_server(asked, url):
        return True
    scheme, host, port = _origin(url)
    return (scheme, port) == ("https", 443) and _origin(asked) == ("http", host, 80)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def redirected(url: str, location: str) -> str:
    """Where ``location`` leads from ``url``; `NetworkError` for what is not followed."""
    try:
        target = urljoin(bare(url), location)
        old, new = urlsplit(url), urlsplit(target)
    except ValueError:
        target, old, new = "", urlsplit(url), urlsplit("")
    downgraded = old.scheme == "https" and new.scheme != "https"
    if not location or new.scheme not in ("http", "https") or not new.hostname or downgraded:
        raise NetworkError(
            url,
            f"refused a redirect to {shown(target)}",
            resolution="correct the address: neve follows redirects only to http and https, and "
            "never from https to http",
        )
    if new.username is None and (old.scheme, old.hostname, old.port) == (
        new.scheme,
        new.hostname,
        new.port,
    ):
        # The same server: the login that the caller put into the address still belongs to it.
        user = old.netloc.rpartition("@")
        return urlunsplit(new._replace(netloc=f"{user[0]}{user[1]}{new.netloc}"))
    return target
