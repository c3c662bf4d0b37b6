"""Secrets in a configuration are found, counted, and never shown whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from neve.inventory import Configuration
from neve.verbs.masking import masked_configuration

URL = "postgres://app:Zx9-kQ7_vB2.mN4p@db.corp.internal/app"


@pytest.mark.parametrize(
    ("configuration", "where"),
    [
        (Configuration(environment=(("DATABASE_URL", URL),)), "environment DATABASE_URL"),
        (Configuration(labels=(("note", URL),)), "label note"),
        (Configuration(entrypoint=("run", URL)), "entrypoint"),
        (Configuration(command=(URL,)), "command"),
        (Configuration(health_check=("CMD", URL)), "health check"),
    ],
)
def test_a_secret_is_covered_wherever_it_stands(configuration: Configuration, where: str) -> None:
    masked = masked_configuration(configuration, b"{}")
    assert [place for place, _ in masked.secrets] == [where]
    assert "Zx9-kQ7_vB2.mN4p" not in repr(masked)


def test_a_secret_in_the_history_is_found() -> None:
    document = json.dumps({"history": [{"created_by": "x"}, 7, {"created_by": f"RUN curl {URL}"}]})
    masked = masked_configuration(Configuration(), document.encode())
    assert [place for place, _ in masked.secrets] == ["history line 2"]
    assert "Zx9-kQ7_vB2.mN4p" not in repr(masked)


def test_what_is_no_secret_stays() -> None:
    plain = Configuration(
        environment=(("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")),
        entrypoint=("/usr/bin/python3", "-m", "app"),
        labels=(("io.neve.lock", "sha256:" + "ab" * 32),),
    )
    masked = masked_configuration(plain, b"{}")
    assert masked.configuration == plain
    assert masked.secrets == ()


@pytest.mark.parametrize("document", [b"", b"[]", b"7", b'{"history": 7}', b'{"history": [[]]}'])
def test_a_document_of_another_shape_has_no_history(document: bytes) -> None:
    plain = replace(Configuration(), user="app")
    assert masked_configuration(plain, document).configuration == plain
