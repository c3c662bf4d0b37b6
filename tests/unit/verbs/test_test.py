"""The verb ``neve test``, without anything running."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from neve.errors import ToolError, UsageError
from neve.model import Check, Fail, Pass, Platform, Skipped, Verdict, sha256_of
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.sandbox.bubblewrap import Bubblewrap
from neve.verbs import test as verb
from neve.verbs.context import Workspace
from neve.verbs.platforms import host_platform
from neve.verbs.progress import Silent
from neve.verbs.settings import Settings

CONTRACT = "runs_as: 65532\nshell: absent\nfiles: {/etc/passwd: present}\n"
RECIPE = 'distribution: debian\nrelease: "13"\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(Settings(store=tmp_path / "store"), Silent()) as workspace:
        yield workspace


def _image(place: Path, *, labels: dict[str, str] | None = None, user: str = "65532") -> Path:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, kind, data in (
            (".", tarfile.DIRTYPE, b""),
            ("etc", tarfile.DIRTYPE, b""),
            ("etc/passwd", tarfile.REGTYPE, b"nonroot:x:65532:65532::/:/sbin/nologin\n"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mode = kind, len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    config = json.dumps(
        {
            "architecture": host_platform().architecture,
            "os": "linux",
            "config": {"User": user, "Labels": labels or {}},
            "rootfs": {"type": "layers", "diff_ids": [str(sha256_of(layer.getvalue()))]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": ["a:1"], "Layers": ["l/layer.tar"]}]
    with tarfile.open(place, "w") as tar:
        for name, data in (
            ("l/layer.tar", layer.getvalue()),
            ("config.json", config),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return place


def _result(*verdicts: Verdict) -> verb.TestResult:
    checks = tuple(Check(rule="r", subject="s", verdict=verdict) for verdict in verdicts)
    return verb.TestResult(
        image="i", contract="c", platform=Platform("linux", "amd64"), sandbox="s", checks=checks
    )


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((), 0),
        ((Pass(),), 0),
        ((Pass(), Skipped("why")), 3),
        ((Pass(), Fail("what")), 1),
        ((Skipped("why"), Fail("what")), 1),
    ],
)
def test_a_failure_is_a_finding_and_a_skip_is_never_a_pass(
    verdicts: tuple[Verdict, ...], code: int
) -> None:
    assert _result(*verdicts).exit_code == code


def test_the_named_contract_is_judged(tmp_path: Path, workspace: Workspace) -> None:
    contract = tmp_path / "my.yaml"
    contract.write_text(CONTRACT)
    image = _image(tmp_path / "image.tar")
    result = verb.test_image(verb.TestRequest(image=image, contract=contract), workspace)
    assert verb.summary(result) == {"passed": 3, "failed": 0, "skipped": 0}
    root = _image(tmp_path / "root.tar", user="0")
    result = verb.test_image(verb.TestRequest(image=root, contract=contract), workspace)
    assert result.exit_code == 1


def test_the_contract_of_the_very_recipe_it_was_built_from_is_found(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "neve.yaml").write_text(RECIPE)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    label = {"io.neve.recipe": str(sha256_of(RECIPE.encode()))}
    image = _image(tmp_path / "image.tar", labels=label)
    result = verb.test_image(verb.TestRequest(image=image), workspace)
    assert Path(result.contract) == Path("contract.yaml")
    (tmp_path / "neve.yaml").write_text(RECIPE + "# changed since\n")
    with pytest.raises(UsageError, match="not the recipe that this image was built from") as caught:
        verb.test_image(verb.TestRequest(image=image), workspace)
    assert "--contract contract.yaml" in caught.value.resolution
    (tmp_path / "contract.yaml").unlink()
    with pytest.raises(UsageError, match="no contract is known") as caught:
        verb.test_image(verb.TestRequest(image=image), workspace)
    assert "--contract" in caught.value.resolution


def test_an_engine_that_was_asked_for_and_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    contract = tmp_path / "my.yaml"
    contract.write_text("commands: [{command: [a]}]\n")
    request = verb.TestRequest(image=_image(tmp_path / "image.tar"), contract=contract)
    settings = Settings(store=tmp_path / "store", engine="podman")
    with Workspace(settings, Silent()) as workspace, pytest.raises(ToolError, match="podman"):
        verb.test_image(request, workspace)
    with Workspace(Settings(store=tmp_path / "store"), Silent()) as workspace:
        result = verb.test_image(request, workspace)
    assert result.exit_code == 3
    assert "bwrap" in str(result.checks[0].verdict)


def test_another_architectures_programs_are_skipped_and_said(
    tmp_path: Path, workspace: Workspace
) -> None:
    contract = tmp_path / "my.yaml"
    contract.write_text("runs_as: 65532\ncommands: [{command: [a]}]\n")
    image = _image(tmp_path / "image.tar")
    other = Platform("linux", "arm64" if host_platform().architecture == "amd64" else "amd64")
    request = verb.TestRequest(image=image, contract=contract, platform=other)
    static, dynamic = verb.test_image(request, workspace).checks
    assert isinstance(static.verdict, Pass)
    assert isinstance(dynamic.verdict, Skipped)
    assert str(other) in dynamic.verdict.reason


def test_an_engine_is_given_the_same_image(tmp_path: Path, workspace: Workspace) -> None:
    source = open_image(_image(tmp_path / "image.tar"))
    copy = tmp_path / "copy.tar"
    with copy.open("wb") as archive:
        verb._write_archive(source, archive, workspace)
    again = open_image(copy)
    assert again.configuration == source.configuration
    read = store_reader(workspace.store)
    trees = [read_tree(image, workspace.store) for image in (source, again)]
    listed = [[(e.path, e.mode, bytes(read(e)) if e.content else b"") for e in t] for t in trees]
    assert listed[0] == listed[1]


def test_no_other_user_of_the_host_reaches_the_programs_of_a_tested_image(
    tmp_path: Path, workspace: Workspace
) -> None:
    source = open_image(_image(tmp_path / "image.tar"))
    with verb._subject("a", source, Bubblewrap(exact=False), workspace) as subject:
        root = subject.image.root
        assert root is not None
        assert root.stat().st_mode & 0o777 == 0o755, "as the image says"
        assert root.parent.stat().st_mode & 0o777 == 0o700
        assert root.parent.stat().st_uid == os.geteuid()
        private = root.parent
    assert not private.exists()
