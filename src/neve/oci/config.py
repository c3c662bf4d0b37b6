"""The image configuration: what a recipe's ``run`` becomes (image-spec, config.md).

Label and annotation names that neve adds:

=============================  ==============================================================
``io.neve.recipe``             digest of the recipe as locked
``io.neve.lock``               digest of the lock
``io.neve.base``               digest of the base image, where there is one
``io.neve.record``             digest of the build record, attached to the image as a referrer
``io.neve.sbom.spdx``          digest of the SPDX document, likewise
``io.neve.sbom.cyclonedx``     digest of the CycloneDX document, likewise
=============================  ==============================================================

The provenance statement has no label: it names the image's digest, which covers the labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from neve.errors import UsageError
from neve.model import Digest, Platform
from neve.oci.layer import LayerBlob
from neve.oci.manifest import platform_document, render
from neve.recipe.types import HealthCheck, Run

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LABEL_RECIPE = "io.neve.recipe"
LABEL_LOCK = "io.neve.lock"
LABEL_BASE = "io.neve.base"
LABEL_RECORD = "io.neve.record"
LABEL_SPDX = "io.neve.sbom.spdx"
LABEL_CYCLONEDX = "io.neve.sbom.cyclonedx"
LABEL_VARIANT = "io.neve.variant"
"""The kind of a variant that is not for production: ``debug`` or ``dev``."""
LABEL_EXPIRES = "io.neve.expires"
"""The last day (ISO 8601, UTC) on which a debug variant may be used."""

_NANOSECONDS = 1_000_000_000


class ConfigFormat(StrEnum):
    """Whose configuration format: OCI's, or Docker's, which also holds a health check."""

    OCI = "oci"
    DOCKER = "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerHistory:
    """A layer as the configuration tells of it; ``created_by`` is for ``docker history``."""

    diff_id: Digest
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """All that a configuration says. ``user`` is ``uid:gid`` in numbers; ``created`` in seconds
    since the epoch; ``labels`` come on top of the recipe's.
    """

    run: Run
    user: str
    platform: Platform
    created: int
    layers: tuple[LayerHistory, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedConfig:
    """The document's bytes, and what of the recipe this format could not hold, as sentences."""

    data: bytes
    dropped: tuple[str, ...]


def layer_history(
    blobs: Iterable[LayerBlob], packages: Iterable[Sequence[str]]
) -> tuple[LayerHistory, ...]:
    """One history row a layer, naming its packages (``packages`` in the order of ``blobs``)."""
    return tuple(
        LayerHistory(diff_id=blob.diff_id, created_by=_row(names))
        for blob, names in zip(blobs, packages, strict=True)
    )


def rfc3339(seconds: int) -> str:
    """Seconds since the epoch as configurations and annotations write time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chain_id(diff_ids: Sequence[Digest]) -> Digest:
    """The ChainID of a whole image (config.md): names the files whatever the configuration."""
    chain = str(diff_ids[0]) if diff_ids else str(Digest("sha256", hashlib.sha256().hexdigest()))
    for diff_id in diff_ids[1:]:
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}"
    return Digest.parse(chain)


def standard_annotations(
    *,
    title: str,
    description: str = "",
    version: str = "",
    created: int,
    base_name: str = "",
    base_digest: Digest | None = None,
) -> dict[str, str]:
    """The ``org.opencontainers.image`` annotations of a manifest (image-spec, annotations.md)."""
    pairs = {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.description": description,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.created": rfc3339(created),
        "org.opencontainers.image.base.name": base_name,
        "org.opencontainers.image.base.digest": str(base_digest) if base_digest else "",
    }
    return {name: value for name, value in pairs.items() if value}


def render_config(config: ImageConfig, target: ConfigFormat = ConfigFormat.OCI) -> RenderedConfig:
    """The configuration document. Raises ``UsageError`` for a port that is none."""
    dropped: list[str] = []
    run = config.run
    settings: dict[str, Any] = {"User": config.user, "Env": _environment(run)}
    if run.entrypoint:
        settings["Entrypoint"] = list(run.entrypoint)
    if run.command:
        settings["Cmd"] = list(run.command)
    if run.workdir:
        settings["WorkingDir"] = run.workdir
    if run.ports:
        settings["ExposedPorts"] = {_port(port): {} for port in run.ports}
    if run.volumes:
        settings["Volumes"] = {volume: {} for volume in run.volumes}
    if run.stop_signal:
        settings["StopSignal"] = run.stop_signal
    labels = {**dict(run.labels), **config.labels}
    if labels:
        settings["Labels"] = labels
    if run.health_check is not None:
        if target is ConfigFormat.DOCKER:
            settings["Healthcheck"] = _health_check(run.health_check)
        else:
            dropped.append(
                "run.health_check: the OCI format has no health check; docker-archive keeps it, "
                "Kubernetes takes it as a probe"
            )
    created = rfc3339(config.created)
    document = {
        **platform_document(config.platform),
        "created": created,
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [str(row.diff_id) for row in config.layers]},
        "history": [{"created": created, "created_by": row.created_by} for row in config.layers],
    }
    return RenderedConfig(data=render(document), dropped=tuple(dropped))


def _row(packages: Sequence[str]) -> str:
    if not packages:
        return "neve: the image's own files"
    return "neve: " + " ".join(packages)


def _environment(run: Run) -> list[str]:
    names = {name for name, _ in run.environment}
    default = [] if "PATH" in names else [f"PATH={DEFAULT_PATH}"]
    return default + [f"{name}={value}" for name, value in run.environment]


def _port(text: str) -> str:
    number, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    ports = number.split("-")
    fine = all(p.isascii() and p.isdigit() and 0 < int(p) < 65536 for p in ports)
    if not fine or len(ports) > 2 or protocol not in ("tcp", "udp", "sctp"):
        raise UsageError(
            f"run.ports: {text!r} is no port",
            resolution="Write a number from 1 to 65535, with /tcp, /udp or /sctp if needed.",
        )
    return f"{number}/{protocol}"


def _health_check(check: HealthCheck) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "Test": ["CMD", *check.command],
        "Interval": round(check.interval * _NANOSECONDS),
        "Timeout": round(check.timeout * _NANOSECONDS),
        "Retries": check.retries,
    }
    if check.start_period:
        fields["StartPeriod"] = round(check.start_period * _NANOSECONDS)
    return fields
