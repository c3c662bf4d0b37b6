"""Tool settings: flag, then environment (``NEVE_…``), then the nearest ``neve.toml``, then the
user's file. Each value remembers where it came from (``neve config show --origin``).

Settings never describe an image: that is what recipes are for.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neve.errors import UsageError
from neve.store import default_directory

FILE_NAME = "neve.toml"
EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""The time of artefacts made from a fresh lock (reproducible-builds.org's specification)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What neve itself runs with. ``origins`` maps each setting to the place that decided it.

    ``mirrors`` maps an archive alias (``debian``, ``debian-security``, a recipe's repository) to
    base addresses, first one first. ``max_index_age`` is in seconds: younger indexes are used
    from the store without asking the archive again. ``plain_http`` are registries spoken to
    without TLS. ``db`` is the directory of the vulnerability index, ``feeds`` the groups or names
    of feeds it should hold, ``max_feed_age`` the seconds after which one of them is stale (0:
    never), ``feed_sources`` maps a feed to the address it comes from in place of the official one.
    """

    store: Path
    offline: bool = False
    ca_file: Path | None = None
    jobs: int | None = None
    engine: str = "auto"
    max_index_age: int = 0
    plain_http: tuple[str, ...] = ()
    db: Path | None = None
    feeds: tuple[str, ...] = ()
    max_feed_age: int = 7 * 86400
    feed_sources: Mapping[str, str] = field(default_factory=dict)
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)


_SETTINGS: dict[str, str] = {
    "store": "directory of the content store",
    "offline": "use only what the store holds",
    "ca_file": "PEM file of further CAs that neve's own connections trust",
    "jobs": "threads for reading and packing (default: one per core)",
    "engine": "what runs images: auto, bubblewrap, docker or podman",
    "max_index_age": "seconds for which package indexes are taken from the store unasked",
    "plain_http": "registries (host:port) that are reached without TLS",
    "db": "directory of the vulnerability index",
    "feeds": "groups or names of vulnerability feeds to fetch and to expect",
    "max_feed_age": "seconds after which a vulnerability feed is stale (0: never)",
}

_FLAG, _ENVIRONMENT = "flag", "environment"
_UNPLACED = (_FLAG, _ENVIRONMENT)

ENGINES = ("auto", "bubblewrap", "docker", "podman")


def known_settings() -> Mapping[str, str]:
    """Every plain setting with a line of description (``mirrors`` and ``feed_sources`` are tables
    of their own).
    """
    return dict(_SETTINGS)


def load_settings(
    flags: Mapping[str, object], *, environment: Mapping[str, str], directory: Path
) -> Settings:
    """Settings for a run started in ``directory``. ``flags`` holds what the command line gave.

    Relative paths are from ``directory``; those in a file from where the file lies.

    Raises ``UsageError`` for an unknown key, a wrong type or an unreadable file.
    """
    layers = [(_FLAG, {k: v for k, v in flags.items() if v is not None})]
    layers.append((_ENVIRONMENT, _from_environment(environment)))
    for path in _files(environment, directory):
        layers.append((str(path), _read(path)))
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    mirrors: dict[str, tuple[str, ...]] = {}
    sources: dict[str, str] = {}
    for origin, layer in layers:
        beside = directory if origin in _UNPLACED else Path(origin).parent
        for alias, urls in _mirrors(layer.get("mirrors", {}), origin).items():
            if alias not in mirrors:
                mirrors[alias] = urls
                origins[f"mirrors.{alias}"] = origin
        for feed, url in _feed_sources(layer.get("feed_sources", {}), origin).items():
            if feed not in sources:
                sources[feed] = url
                origins[f"feed_sources.{feed}"] = origin
        for name in _SETTINGS:
            if name in layer and name not in values:
                values[name] = _typed(name, layer[name], origin, beside)
                origins[name] = origin
    if "store" not in values:
        values["store"] = default_directory(environment)
        origins["store"] = "default"
    for name in _SETTINGS:
        origins.setdefault(name, "default")
    return Settings(**values, feed_sources=sources, mirrors=mirrors, origins=origins)  # type: ignore[arg-type]  # checked by _typed


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in _SETTINGS:
        text = environment.get(f"NEVE_{name.upper()}")
        if text:
            found[name] = text
    return found


def _files(environment: Mapping[str, str], directory: Path) -> list[Path]:
    found = []
    for parent in (directory, *directory.parents):
        candidate = parent / FILE_NAME
        if candidate.is_file():
            found.append(candidate)
            break
    user = _user_directory(environment) / FILE_NAME
    if user.is_file():
        found.append(user)
    return found


def _user_directory(environment: Mapping[str, str]) -> Path:
    if sys.platform == "win32" and environment.get("APPDATA"):
        return Path(environment["APPDATA"]) / "neve"
    if chosen := environment.get("XDG_CONFIG_HOME"):
        return Path(chosen) / "neve"
    return Path(environment.get("HOME", "/")) / ".config" / "neve"


def _read(path: Path) -> dict[str, object]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path}: not readable as settings ({error})",
            resolution="Mend the file; `neve config show` lists what it may hold.",
        ) from error
    unknown = sorted(set(data) - set(_SETTINGS) - {"mirrors", "feed_sources"})
    if unknown:
        raise UsageError(
            f"{path}: unknown setting {unknown[0]!r}",
            details=tuple(f"{name}: {text}" for name, text in _SETTINGS.items()),
            resolution="neve.toml holds tool settings only; what an image is stands in its recipe.",
        )
    return data


def _mirrors(value: object, origin: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise _wrong("mirrors", origin, "a table of alias = address")
    found = {}
    for alias, urls in value.items():
        listed = [urls] if isinstance(urls, str) else urls
        if not isinstance(listed, list) or not all(
            isinstance(url, str) and url.startswith(("http://", "https://")) for url in listed
        ):
            raise _wrong(f"mirrors.{alias}", origin, "an http(s) address or a list of them")
        found[alias] = tuple(url.rstrip("/") for url in listed)
    return found


def _feed_sources(value: object, origin: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong("feed_sources", origin, "a table of feed = address")
    for feed, url in value.items():
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise _wrong(f"feed_sources.{feed}", origin, "an http(s) address")
    return value


def _typed(name: str, value: object, origin: str, beside: Path) -> object:
    match name:
        case "offline":
            return _boolean(name, value, origin)
        case "jobs" | "max_index_age" | "max_feed_age":
            return _whole(name, value, origin)
        case "plain_http":
            return _words(name, value, origin, "host:port of a registry, or a list of them")
        case "feeds":
            return _words(name, value, origin, "the name of a feed or group, or a list of them")
        case "engine":
            if value not in ENGINES:
                raise _wrong(name, origin, f"one of {', '.join(ENGINES)}")
            return value
        case _:
            if not isinstance(value, str | Path):
                raise _wrong(name, origin, "a path")
            return beside / Path(value).expanduser()


def _boolean(name: str, value: object, origin: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise _wrong(name, origin, "true or false")


def _whole(name: str, value: object, origin: str) -> int:
    try:
        number = int(value) if isinstance(value, int | str) and value is not True else -1
    except ValueError:
        number = -1
    if number < (1 if name == "jobs" else 0):
        raise _wrong(name, origin, "a whole number")
    return number


def _words(name: str, value: object, origin: str, expected: str) -> tuple[str, ...]:
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(
        isinstance(item, str) and item and "/" not in item for item in listed
    ):
        raise _wrong(name, origin, expected)
    return tuple(listed)


def _wrong(name: str, origin: str, expected: str) -> UsageError:
    return UsageError(
        f"setting {name} ({origin}): expected {expected}",
        resolution="See `neve config show --origin` for every setting and where it comes from.",
    )
