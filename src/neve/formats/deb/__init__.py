"""Debian packages: reading them, their indexes and databases, comparing versions.

``read_package`` stays in ``neve.formats.deb.package``: it brings the codecs with it, which a
build from a warm store never needs.
"""

from neve.formats.deb.control import Paragraph, field, paragraphs, parse_control
from neve.formats.deb.facts import FACTS_VERSION, dump_facts, load_facts
from neve.formats.deb.index import PackagesIndex
from neve.formats.deb.relations import parse_relations
from neve.formats.deb.types import (
    Clause,
    DebVersion,
    ElfFacts,
    IndexPackage,
    PackageFacts,
    PackageName,
    Relation,
)
from neve.formats.deb.versions import compare_versions, is_version, satisfies, version_key

__all__ = [
    "FACTS_VERSION",
    "Clause",
    "DebVersion",
    "ElfFacts",
    "IndexPackage",
    "PackageFacts",
    "PackageName",
    "PackagesIndex",
    "Paragraph",
    "Relation",
    "compare_versions",
    "dump_facts",
    "field",
    "is_version",
    "load_facts",
    "paragraphs",
    "parse_control",
    "parse_relations",
    "satisfies",
    "version_key",
]
