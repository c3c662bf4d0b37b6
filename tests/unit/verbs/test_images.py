"""What people write for an image, and what of it is opened."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.registry import FakeRegistry, digest_of, fake_registry

from neve.errors import ToolError, TrustError, UsageError
from neve.model import Digest, Platform
from neve.oci.manifest import INDEX_TYPE
from neve.verbs.context import Workspace
from neve.verbs.copy import CopyRequest, copy_image
from neve.verbs.images import (
    OpenedImage,
    OpenedRootFs,
    Transport,
    is_remote,
    locate,
    open_source,
)
from neve.verbs.progress import Silent
from neve.verbs.pull import PullRequest, pull_image
from neve.verbs.push import PushRequest, push_image
from neve.verbs.settings import load_settings


def tar_of(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()


LAYER = tar_of({"etc/hello": b"hello\n"})


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace in an empty directory, whose PATH has nothing but what a test puts there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_RUNTIME_DIR", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    flags = {"store": tmp_path / "store"}
    settings = load_settings(flags, environment={}, directory=tmp_path)
    with Workspace(settings, Silent()) as opened:
        yield opened


def docker_archive(path: Path, name: str = "team/app:1") -> None:
    layers = {"type": "layers", "diff_ids": [digest_of(LAYER)]}
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": layers}).encode()
    config_name = f"{digest_of(config)[7:]}.json"
    rows = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    path.write_bytes(
        tar_of(
            {config_name: config, "layer.tar": LAYER, "manifest.json": json.dumps(rows).encode()}
        )
    )


def engine(folder: Path, program: str, archive: Path, known: str) -> None:
    """A stand-in for Docker or Podman that holds one image."""
    (folder / "bin").mkdir(exist_ok=True)
    script = folder / "bin" / program
    script.write_text(
        f"""#!/bin/sh
echo "$@" >> {folder}/asked
for last in "$@"; do :; done
[ "$last" = "{known}" ] || exit 1
case "$1" in image) exit 0;; save) exec /bin/cat {archive};; esac
exit 125
"""
    )
    script.chmod(0o755)


@pytest.fixture
def layout(tmp_path: Path, registry: FakeRegistry, workspace: Workspace) -> str:
    """The layout ``made``, tagged 1; its digest."""
    row = registry.add_image("team/app", "1", LAYER)
    registry.add_referrer("team/app", row, "a/sbom", b"the sbom")
    pull_image(
        PullRequest(reference=f"{registry.host}/team/app:1", output=tmp_path / "made"), workspace
    )
    return str(row["digest"])


def digest(subject: str, workspace: Workspace) -> str:
    with open_source(subject, workspace) as opened:
        assert isinstance(opened, OpenedImage)
        assert opened.subject == subject
        with opened.source.open_layer(opened.source.layers[0]) as file:
            assert file.read() == LAYER
        return str(opened.digest)


def test_layouts(layout: str, workspace: Workspace) -> None:
    for subject in ("made", "./made", "made:1", "oci:made", "oci:made:1"):
        assert digest(subject, workspace) == layout
    with pytest.raises(UsageError, match="no image is tagged 2"):
        digest("made:2", workspace)
    with open_source("made", workspace) as opened:
        assert isinstance(opened, OpenedImage)
        assert opened.transport is Transport.OCI
        assert opened.attached("a/sbom") == b"the sbom"
        assert opened.attached("a/other") is None


def test_registries(layout: str, registry: FakeRegistry, workspace: Workspace) -> None:
    name = f"{registry.host}/team/app"
    for subject in (f"{name}:1", f"docker://{name}:1", f"{name}@{layout}", f"{name}:x@{layout}"):
        assert digest(subject, workspace) == layout
    with open_source(f"{name}:1", workspace) as opened:
        assert isinstance(opened, OpenedImage)
        assert opened.attached("a/sbom") == b"the sbom"


def test_archives_and_roots(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    request = PullRequest(
        reference=f"{registry.host}/team/app:1",
        output=tmp_path / "a.tar",
        image_format="oci-archive",
    )
    pull_image(request, workspace)
    for subject in ("a.tar", "a.tar:1", "oci-archive:a.tar:1"):
        assert digest(subject, workspace) == layout
    docker_archive(tmp_path / "d.tar")
    for subject in ("d.tar", "d.tar:team/app:1", "docker-archive:d.tar:team/app:1"):
        assert digest(subject, workspace) == "None"
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root.tar").write_bytes(LAYER)
    for subject in ("root", "root.tar", "rootfs:root", "rootfs:made"):
        with open_source(subject, workspace) as opened:
            assert isinstance(opened, OpenedRootFs)
            assert opened.root.tree


def test_a_compressed_archive_is_not_taken_for_a_root(workspace: Workspace, tmp_path: Path) -> None:
    docker_archive(tmp_path / "d.tar")
    packed = tmp_path / "d.tar.gz"
    packed.write_bytes(gzip.compress((tmp_path / "d.tar").read_bytes()))
    with (
        pytest.raises(UsageError, match="compressed image archive"),
        open_source("d.tar.gz", workspace),
    ):
        pass


@pytest.mark.parametrize(("program", "transport"), [("docker", "docker-daemon"),
                                                    ("podman", "containers-storage")])  # fmt: skip
def test_local_engines(workspace: Workspace, tmp_path: Path, program: str, transport: str) -> None:
    docker_archive(tmp_path / "held.tar")
    engine(tmp_path, program, tmp_path / "held.tar", "team/app:1")
    assert digest(f"{transport}:team/app:1", workspace) == "None"
    assert digest("team/app:1", workspace) == "None"
    assert locate("team/other:1", workspace).transport is Transport.REGISTRY
    with (
        pytest.raises(ToolError, match="could not save"),
        open_source(f"{transport}:not/there", workspace),
    ):
        pass
    asked = (tmp_path / "asked").read_text()
    assert "-- team/app:1" in asked


def test_an_engine_that_never_stops(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neve.verbs.images._MOST_SAVED", 1_000_000)
    engine(tmp_path, "docker", Path("/dev/zero"), "x")
    with (
        pytest.raises(ToolError, match="more than 1000000 bytes"),
        open_source("docker-daemon:x", workspace),
    ):
        pass


def test_a_name_is_never_taken_for_an_engines_option(workspace: Workspace, tmp_path: Path) -> None:
    engine(tmp_path, "docker", tmp_path, "--help")
    with pytest.raises(UsageError):
        locate("--help", workspace)
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize(
    "subject",
    ["./missing", "/missing/at/all", "missing.tar", "oci:missing", "rootfs:missing", "A B"],
)
def test_what_is_not_there(workspace: Workspace, subject: str) -> None:
    with pytest.raises(UsageError), open_source(subject, workspace):
        pass


def test_what_can_only_be_an_image(layout: str, workspace: Workspace) -> None:
    assert all(map(is_remote, ("docker://x", "oci:made", "localhost:5000/x", "made:1")))
    assert not any(map(is_remote, ("made", "neve.yaml", "a.b/neve.yaml", "debian-13/python", "x")))
    assert layout
    assert locate("made:1", workspace).tag == "1"


def test_a_platform_is_chosen_or_this_machines(
    registry: FakeRegistry, workspace: Workspace
) -> None:
    rows = []
    for architecture in ("amd64", "arm64", "s390x"):
        row = registry.add_image("team/app", architecture, LAYER, architecture.encode())
        rows.append({**row, "platform": {"os": "linux", "architecture": architecture}})
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": rows}
    registry.add_manifest("team/app", index, tag="all", kind=INDEX_TYPE)
    name = f"{registry.host}/team/app:all"
    wanted = Platform("linux", "s390x")
    with open_source(name, workspace, platform=wanted) as opened:
        assert isinstance(opened, OpenedImage)
        assert str(opened.digest) == rows[2]["digest"]
    own = "amd64" if os.uname().machine == "x86_64" else "arm64"
    with open_source(name, workspace) as opened:
        assert isinstance(opened, OpenedImage)
        assert str(opened.digest) == rows[0 if own == "amd64" else 1]["digest"]
    with (
        pytest.raises(UsageError, match="no image for"),
        open_source(name, workspace, platform=Platform("linux", "riscv64")),
    ):
        pass


# Copying


def test_a_docker_archive_gets_a_manifest(
    registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    docker_archive(tmp_path / "d.tar")
    request = PushRequest(image="d.tar", reference=f"{registry.host}/new/app:1")
    first = push_image(request, workspace)
    with open_source(f"{registry.host}/new/app:1", workspace) as opened:
        assert isinstance(opened, OpenedImage)
        assert opened.digest == first.digest
        assert opened.source.layers[0].diff_id == Digest.parse(digest_of(LAYER))
    assert push_image(request, workspace).digest == first.digest


def test_copies_keep_the_digest(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    host = registry.host
    for source, target in (
        ("made", f"{host}/b/app:2"),
        (f"{host}/b/app:2", "oci:two"),
        ("oci:two:2", "oci-archive:three.tar:x"),
        ("three.tar", f"docker://{host}/c/app"),
        (f"{host}/c/app", "./four"),
    ):
        result = copy_image(CopyRequest(source=source, target=target), workspace)
        assert (str(result.digest), result.referrers) == (layout, 1), (source, target)
    assert ("c/app", "latest") in registry.manifests
    assert digest("four:latest", workspace) == layout
    assert not (tmp_path / "localhost").exists()


def test_a_docker_archive_for_who_has_no_layouts(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    assert layout
    result = pull_image(
        PullRequest(
            reference=f"{registry.host}/team/app:1",
            output=tmp_path / "out.tar",
            image_format="docker-archive",
        ),
        workspace,
    )
    assert result.referrers == 0
    assert digest(f"out.tar:{registry.host}/team/app:1", workspace) == "None"
    rows = [registry.add_image("team/app", name, name.encode()) for name in ("amd64", "arm64")]
    for row, name in zip(rows, ("amd64", "arm64"), strict=True):
        row["platform"] = {"os": "linux", "architecture": name}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": rows}
    registry.add_manifest("team/app", index, tag="all", kind=INDEX_TYPE)
    with pytest.raises(UsageError, match="one platform"):
        pull_image(
            PullRequest(
                reference=f"{registry.host}/team/app:all",
                output=tmp_path / "no.tar",
                image_format="docker-archive",
            ),
            workspace,
        )
    assert not (tmp_path / "no.tar").exists()


def test_a_layout_that_is_there_keeps_its_other_tags(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    other = registry.add_image("other/app", "9", LAYER, LAYER + b"\0" * 512)
    request = PullRequest(reference=f"{registry.host}/other/app:9", output=tmp_path / "made")
    pull_image(request, workspace)
    assert digest("made:1", workspace) == layout
    assert digest("made:9", workspace) == other["digest"]


@pytest.mark.parametrize("target", ["rootfs:x", "docker-daemon:x", "docker-archive:x", "", "A B"])
def test_where_nothing_is_copied_to(layout: str, workspace: Workspace, target: str) -> None:
    assert layout
    with pytest.raises(UsageError):
        copy_image(CopyRequest(source="made", target=target), workspace)


def test_a_digest_that_is_expected(
    layout: str, registry: FakeRegistry, workspace: Workspace
) -> None:
    name = f"{registry.host}/by/digest"
    wrong = "sha256:" + "0" * 64
    with pytest.raises(UsageError, match=f"not {wrong}"):
        push_image(PushRequest(image="made", reference=f"{name}@{wrong}"), workspace)
    result = push_image(PushRequest(image="made", reference=f"{name}@{layout}"), workspace)
    assert result.tags == ()
    assert digest(f"{name}@{layout}", workspace) == layout


def test_a_pull_offline_says_so(layout: str, registry: FakeRegistry, tmp_path: Path) -> None:
    assert layout
    flags = {"store": tmp_path / "store", "offline": True}
    settings = load_settings(flags, environment={}, directory=tmp_path)
    with Workspace(settings, Silent()) as offline, pytest.raises(ToolError, match="switched off"):
        pull_image(
            PullRequest(reference=f"{registry.host}/team/app:1", output=tmp_path / "x"), offline
        )


def test_a_damaged_layout_is_not_pushed(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    blob = tmp_path / "made" / "blobs" / "sha256" / digest_of(LAYER)[7:]
    blob.unlink()
    blob.write_bytes(LAYER[:-1] + b"x")
    request = PushRequest(image="made", reference=f"{registry.host}/new/app:1")
    with pytest.raises(TrustError, match=blob.name):
        push_image(request, workspace)
    assert not [name for name, _ in registry.manifests if name == "new/app"]
    assert layout


def test_a_directory_of_something_else_is_left_alone(
    layout: str, registry: FakeRegistry, workspace: Workspace, tmp_path: Path
) -> None:
    assert layout
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("precious")
    before = len(registry.asked)
    with pytest.raises(UsageError, match="not an OCI layout"):
        copy_image(CopyRequest(source=f"{registry.host}/team/app:1", target="./mine"), workspace)
    assert (tmp_path / "mine" / "file").read_text() == "precious"
    assert len(registry.asked) == before
