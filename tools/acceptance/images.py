"""Which images are compared: the whole catalogue, and ten others that exercise more scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CODENAMES = {"debian-12": "bookworm", "debian-13": "trixie"}
OTHERS = (
    "debian-13/others/jre-default default-jre-headless",
    "debian-13/others/php-web php-fpm php-mysql php-curl apache2",
    "debian-13/others/mariadb-client mariadb-client",
    "debian-13/others/openssh openssh-client gnupg",
    "debian-13/others/ruby-rack ruby-rack",
    "debian-13/others/tomcat tomcat10",
    "debian-13/others/bind bind9",
    "debian-13/others/imagemagick imagemagick graphviz",
    "debian-13/others/mail postfix dovecot-core",
    "debian-12/others/squid squid snmpd",
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image to compare: ``name`` as ``debian-13/python``, and what it asks for."""

    name: str
    codename: str
    requests: tuple[str, ...]


def all_images() -> tuple[Image, ...]:
    """The catalogue's images by name, then the others."""
    return (*catalogue_images(), *other_images())


def catalogue_images() -> tuple[Image, ...]:
    """One image for each recipe that neve ships."""
    from neve.recipe.read import read_recipe
    from neve.verbs.places import catalogue_directory

    found = []
    for path in sorted(catalogue_directory().glob("*/*.yaml")):
        if path.name.endswith(".contract.yaml"):
            continue
        requests = tuple(package.name for package in read_recipe(Path(path)).recipe.packages)
        name = f"{path.parent.name}/{path.stem}"
        found.append(Image(name, CODENAMES[path.parent.name], requests))
    return tuple(found)


def other_images() -> tuple[Image, ...]:
    """The ten images beside the catalogue."""
    found = []
    for line in OTHERS:
        name, *requests = line.split()
        found.append(Image(name, CODENAMES[name.split("/", 1)[0]], tuple(requests)))
    return tuple(found)
