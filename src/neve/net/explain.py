"""Why a request failed, in words a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neve.net.failure import AccessError, NetworkError, NotFoundError

if TYPE_CHECKING:
    import httpx2


class NoAnswerError(NetworkError):
    """No answer came. ``lasting`` when asking again would fail in the same way."""

    def __init__(self, url: str, cause: str, *, resolution: str, lasting: bool) -> None:
        super().__init__(url, cause, resolution=resolution)
        self.lasting = lasting


def explain_failure(url: str, error: Exception) -> NoAnswerError:
    """The error for a connection or protocol failure."""
    import httpx2

    untrusted = _tls_failure(url, error)
    if untrusted is not None:
        return untrusted
    if isinstance(error, httpx2.ProxyError):
        status = str(error).split(" ", 1)[0]
        return NoAnswerError(
            url,
            f"the proxy refused: {str(error)[:80]}",
            resolution="check HTTPS_PROXY, HTTP_PROXY, their login, and NO_PROXY",
            lasting=status in ("403", "407"),
        )
    if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
        return NoAnswerError(
            url,
            "not an http or https address",
            resolution="correct the address in the settings or the recipe",
            lasting=True,
        )
    if isinstance(error, httpx2.TimeoutException):
        cause = "no answer in time"
    elif isinstance(error, httpx2.ConnectError):
        cause = f"could not connect ({_system_reason(error)})"
    else:
        cause = "the connection broke off"
    return NoAnswerError(
        url,
        cause,
        resolution="check the network, HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or use another "
        "mirror; with a warm store, --offline needs no network",
        lasting=False,
    )


def _tls_failure(url: str, error: Exception) -> NoAnswerError | None:
    """The error where TLS is behind ``error``."""
    import ssl

    certificate = _in_chain(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        reason = getattr(certificate, "verify_message", "") or "verification failed"
        return NoAnswerError(
            url,
            f"the server's certificate is not trusted: {reason}",
            resolution="if your network inspects TLS, let NEVE_CA_FILE name its CA certificate "
            "(PEM); otherwise do not trust this server",
            lasting=True,
        )
    if _in_chain(error, ssl.SSLError) is None:
        return None
    return NoAnswerError(
        url,
        "TLS could not be negotiated",
        resolution="check the address, HTTPS_PROXY and the server's TLS version",
        lasting=False,
    )


def explain_status(url: str, response: httpx2.Response, unread: tuple[str, ...]) -> NetworkError:
    """The error for an answer that is no success; ``unread`` are unreadable login files."""
    status = response.status_code
    cause = f"answered {status}"
    if status in (404, 410):
        return NotFoundError(
            url,
            f"not found ({status})",
            resolution="check the suite and address, or use another mirror",
        )
    if status in (401, 403):
        return AccessError(
            url,
            f"access refused ({status})",
            resolution="put the login for this host into ~/.netrc or /etc/apt/auth.conf.d/ "
            "(apt_auth.conf(5); plain http needs `machine http://HOST`)",
            details=tuple(f"could not read {path}" for path in unread),
        )
    if status == 407:
        return NetworkError(
            url,
            "the proxy wants a login (407)",
            resolution="set HTTPS_PROXY and HTTP_PROXY as http://USER:PASSWORD@HOST:PORT",
        )
    if status in (429, 503):
        return NetworkError(
            url,
            f"the server is busy ({status})",
            resolution="try again later or use another mirror",
        )
    return NetworkError(url, cause, resolution="try again later or use another mirror")


def _in_chain(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _system_reason(error: Exception) -> str:
    system = _in_chain(error, OSError)
    if isinstance(system, OSError) and system.strerror:
        return system.strerror
    return "no connection"
