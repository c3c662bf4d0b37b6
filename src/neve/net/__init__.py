"""The only HTTP user: an HTTP client with proxies, private CAs, logins, retries and resuming."""

from neve.net.client import HttpClient
from neve.net.credentials import Credentials, Login
from neve.net.failure import (
    NetworkError,
    NotFoundError,
    OfflineError,
    WrongSizeError,
    shown,
)
from neve.net.port import Client, Fetched, OfflineClient, Sink
from neve.net.settings import NetSettings, Proxies

__all__ = [
    "Client",
    "Credentials",
    "Fetched",
    "HttpClient",
    "Login",
    "NetSettings",
    "NetworkError",
    "NotFoundError",
    "OfflineClient",
    "OfflineError",
    "Proxies",
    "Sink",
    "WrongSizeError",
    "shown",
]
