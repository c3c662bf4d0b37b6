"""How an image is run, from its configuration document. Source: OCI image-spec, config.md."""

from __future__ import annotations

import json
from collections.abc import Iterator

from neve.errors import HostileInputError
from neve.inventory.types import Configuration, OpenPort


def read_configuration(document: bytes) -> Configuration:
    """The parts of a configuration document that say how the image runs; what is of a wrong type
    counts as absent. Raises ``HostileInputError`` for no JSON object.
    """
    try:
        whole = json.loads(document)
    except (ValueError, RecursionError):
        whole = None
    if not isinstance(whole, dict):
        raise HostileInputError(
            "the image's configuration is no JSON object", resolution="Fetch the image again."
        )
    config = whole.get("config")
    config = config if isinstance(config, dict) else {}
    health = config.get("Healthcheck")
    pairs = (item.partition("=") for item in _texts(config.get("Env")))
    platform = [_text(whole.get(key)) for key in ("os", "architecture", "variant")]
    return Configuration(
        user=_text(config.get("User")),
        workdir=_text(config.get("WorkingDir")),
        entrypoint=_texts(config.get("Entrypoint")),
        command=_texts(config.get("Cmd")),
        environment=tuple((key, value) for key, _, value in pairs),
        ports=tuple(sorted(_keys(config.get("ExposedPorts")))),
        volumes=tuple(sorted(_keys(config.get("Volumes")))),
        labels=tuple(sorted(_pairs(config.get("Labels")))),
        stop_signal=_text(config.get("StopSignal")),
        health_check=_texts(health.get("Test")) if isinstance(health, dict) else (),
        platform="/".join(part for part in platform if part),
        created=_text(whole.get("created")),
        history=tuple(_history(whole.get("history"))),
    )


def _history(value: object) -> Iterator[str]:
    """The command that each entry names, and its comment; empty entries keep their place."""
    for item in value if isinstance(value, list) else ():
        entry = item if isinstance(item, dict) else {}
        yield " ".join(filter(None, (_text(entry.get(key)) for key in ("created_by", "comment"))))


def exposed_ports(configuration: Configuration | None) -> Iterator[OpenPort]:
    """The ports that the configuration names, single or as ranges of at most 65,536."""
    for text in configuration.ports if configuration is not None else ():
        ports, _, protocol = text.partition("/")
        first, _, last = ports.partition("-")
        if first.isascii() and first.isdigit() and (last or first).isdigit():
            start, end = int(first[:6]), int((last or first)[:6])
            for port in range(start, min(end, 65_535) + 1):
                yield OpenPort(port=port, protocol=protocol or "tcp", evidence="configuration")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _keys(value: object) -> Iterator[str]:
    yield from (value if isinstance(value, dict) else {})


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    for key, item in (value if isinstance(value, dict) else {}).items():
        if isinstance(item, str):
            yield key, item
