"""The only HTTP user: an HTTP client with proxies, private CAs, logins, retries and resuming."""

from neve.net.client import HttpClient
from neve.net.credentials import Credentials, Login
from neve.net.exchange import Answer, Guard, Request
from neve.net.failure import (
    AccessError,
    NetworkError,
    NotFoundError,
    OfflineError,
    WrongSizeError,
    shown,
)
from neve.net.port import Client, Exchanger, Fetched, OfflineClient, Sink
from neve.net.settings import NetSettings, Proxies

__all__ = [
    "AccessError",
    "Answer",
    "Client",
    "Credentials",
    "Exchanger",
    "Fetched",
    "Guard",
    "HttpClient",
    "Login",
    "NetSettings",
    "NetworkError",
    "NotFoundError",
    "OfflineClient",
    "OfflineError",
    "Proxies",
    "Request",
    "Sink",
    "WrongSizeError",
    "shown",
]
