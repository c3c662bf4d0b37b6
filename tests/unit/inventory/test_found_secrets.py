"""Secrets of a whole image: whose a file is, and what its configuration gives away."""

from __future__ import annotations

import hashlib
import json

from neve.inventory import Inventory
from neve.inventory.assemble import assemble
from neve.inventory.configuration import read_configuration
from neve.inventory.types import Configuration, Depth, FileFacts, PackageFiles, Secret
from neve.model import Origin, Reason
from neve.tree import FileEntry, Inline, Kind, Tree

REASON = Reason(Origin.RULE, "test")
PASSWORD = "Tr" + "4ub8-" + "Kz9w"
URL = f"postgresql://app:{PASSWORD}@db.internal/app"
SECRET = Secret(rule="private-key", line=1, hint="PRIVATE KEY")
DATA = b"a key"
MD5 = hashlib.md5(DATA).hexdigest()


def taken(
    promised: str, *, md5: str = MD5, configuration: Configuration | None = None,
    depth: Depth = Depth.FULL,
) -> Inventory:  # fmt: skip
    path = "/usr/share/doc/key.pem"
    entry = FileEntry(
        path=path, kind=Kind.FILE, mode=0o644, content=Inline(DATA), owners=(), reason=REASON
    )
    database = FileEntry(
        path="/db", kind=Kind.FILE, mode=0o644, content=Inline(b"x"), owners=(), reason=REASON
    )
    listed = PackageFiles(package="docs", files=((path, promised),))
    facts = {path: FileFacts(md5=md5, secrets=(SECRET,)), "/db": FileFacts(listed=(listed,))}
    return assemble(Tree([entry, database]), facts, depth, configuration)


def test_a_key_out_of_a_package_names_it_only_while_unchanged() -> None:
    assert [s.package for _, s in taken(f"md5:{MD5}").secrets] == ["docs"]
    assert [s.package for _, s in taken(f"md5:{'0' * 32}").secrets] == [""]
    assert [s.package for _, s in taken(f"md5:{MD5}", md5="").secrets] == [""]
    assert [s.package for _, s in taken("").secrets] == [""]


def test_environment_labels_and_history_give_secrets_away() -> None:
    document = {
        "config": {"Env": [f"DATABASE_URL={URL}", "PATH=/usr/bin"], "Labels": {"dsn": URL}},
        "history": [
            {"created_by": "COPY . ."},
            {"created_by": f"RUN curl {URL}", "comment": "x"},
            3,
        ],
    }
    configuration = read_configuration(json.dumps(document).encode())
    assert configuration.history == ("COPY . .", f"RUN curl {URL} x", "")
    found = taken("", configuration=configuration).secrets
    assert [(path, s.rule) for path, s in found if path.startswith("configuration")] == [
        ("configuration: environment DATABASE_URL", "url-password"),
        ("configuration: history 2", "url-password"),
        ("configuration: label dsn", "url-password"),
    ]
    assert all(PASSWORD not in secret.hint for _, secret in found)


def test_less_depth_looks_for_none() -> None:
    configuration = Configuration(environment=(("DATABASE_URL", URL),))
    found = taken("", configuration=configuration, depth=Depth.INVENTORY).secrets
    assert not any(path.startswith("configuration") for path, _ in found)
