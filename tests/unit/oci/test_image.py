"""Configuration, manifests, and the three forms on disk: what other tools are promised."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neve.errors import StoreError, UsageError
from neve.model import Digest, Origin, Platform, Reason, sha256_of
from neve.oci.archive import write_docker_archive, write_oci_archive
from neve.oci.bundle import Artifact, Bundle, assemble, platform_image
from neve.oci.config import (
    ConfigFormat,
    ImageConfig,
    chain_id,
    layer_history,
    render_config,
    standard_annotations,
)
from neve.oci.layering import partition
from neve.oci.layout import layout_index, write_layout
from neve.oci.manifest import referrers_tag
from neve.oci.pack import pack_layers
from neve.recipe.types import HealthCheck, Run
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind

RUN = Run(
    entrypoint=("/usr/bin/app",),
    command=("--serve",),
    workdir="/srv",
    environment=(("LANG", "C.UTF-8"),),
    ports=("8080", "53/udp"),
    volumes=("/data",),
    labels=(("team", "a"),),
    stop_signal="SIGQUIT",
    health_check=HealthCheck(command=("/check", "now"), interval=1.5, start_period=2),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def config(**fields: Any) -> ImageConfig:
    values: dict[str, Any] = {
        "run": RUN,
        "user": "65532:65532",
        "platform": Platform("linux", "arm", "v7"),
        "created": 1_700_000_000,
        "layers": (),
        **fields,
    }
    return ImageConfig(**values)


def bundle(store: Store, *architectures: str, text: bytes = b"1") -> Bundle:
    why = Reason(Origin.PACKAGE, "hello")
    images = []
    for architecture in architectures:
        entry = FileEntry(
            path=f"/{architecture}", kind=Kind.FILE, mode=0o644, content=Inline(text), reason=why
        )
        plans = partition([entry])
        blobs = pack_layers(plans, store)
        history = layer_history(blobs, [plan.packages for plan in plans])
        platform = Platform("linux", architecture)
        images.append(platform_image(config(platform=platform, layers=history), blobs, {}))
    sbom = Artifact(artifact_type="a/b", media_type="a/b", data=b"{}", name="sbom.json")
    return assemble(images, annotations={}, artifacts={i.platform: [sbom] for i in images})


def index(directory: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((directory / "index.json").read_bytes())["manifests"]
    return rows


def tags(directory: Path) -> list[str | None]:
    name = "org.opencontainers.image.ref.name"
    return [row.get("annotations", {}).get(name) for row in index(directory)]


def test_a_recipe_becomes_a_configuration() -> None:
    document = json.loads(render_config(config(labels={"io.neve.lock": "sha256:1"})).data)
    assert (document["os"], document["architecture"], document["variant"]) == ("linux", "arm", "v7")
    assert document["created"] == "2023-11-14T22:13:20Z"
    assert document["config"] == {
        "User": "65532:65532",
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        ],
        "Entrypoint": ["/usr/bin/app"],
        "Cmd": ["--serve"],
        "WorkingDir": "/srv",
        "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "Labels": {"team": "a", "io.neve.lock": "sha256:1"},
        "StopSignal": "SIGQUIT",
    }


def test_a_path_of_the_recipe_replaces_the_default() -> None:
    run = Run(environment=(("PATH", "/bin"),))
    assert json.loads(render_config(config(run=run)).data)["config"]["Env"] == ["PATH=/bin"]


def test_a_health_check_is_kept_by_docker_and_said_to_be_dropped_by_oci() -> None:
    (notice,) = render_config(config()).dropped
    assert "health" in notice
    docker = render_config(config(), ConfigFormat.DOCKER)
    assert docker.dropped == ()
    assert json.loads(docker.data)["config"]["Healthcheck"] == {
        "Test": ["CMD", "/check", "now"],
        "Interval": 1_500_000_000,
        "Timeout": 30_000_000_000,
        "StartPeriod": 2_000_000_000,
        "Retries": 3,
    }


@pytest.mark.parametrize("port", ["0", "65536", "http", "80/ftp", "1-2-3", "", "８０"])
def test_a_port_that_is_none(port: str) -> None:
    with pytest.raises(UsageError, match="no port"):
        render_config(config(run=Run(ports=(port,))))


def test_history_names_the_packages_of_each_layer(store: Store) -> None:
    made = bundle(store, "amd64").images[0]
    document = json.loads(made.config_data)
    assert len(document["history"]) == len(document["rootfs"]["diff_ids"]) == len(made.layers)
    rows = layer_history(made.layers, [("libc6", "zlib1g")])
    assert [row.created_by for row in rows] == ["neve: libc6 zlib1g"]


def test_the_chain_id_is_the_specifications() -> None:
    a, b = sha256_of(b"a"), sha256_of(b"b")
    assert chain_id([a]) == a
    assert chain_id([a, b]) == sha256_of(f"{a} {b}".encode())
    assert chain_id([a, b]) != chain_id([b, a])


def test_annotations_that_say_nothing_are_left_out() -> None:
    assert standard_annotations(title="t", created=0) == {
        "org.opencontainers.image.title": "t",
        "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
    }


def test_one_platform_is_a_manifest_several_are_an_index(store: Store) -> None:
    single, several = bundle(store, "amd64"), bundle(store, "amd64", "arm64")
    assert single.root.media_type.endswith("manifest.v1+json")
    assert several.root.media_type.endswith("index.v1+json")
    rows = json.loads(several.documents[several.root.digest])["manifests"]
    assert [row["platform"]["architecture"] for row in rows] == ["amd64", "arm64"]


def test_each_platform_of_several_is_named_once_only(store: Store) -> None:
    """Scanners that walk a layout count an image by the platforms it is mentioned with."""
    rows = json.loads(layout_index(bundle(store, "amd64", "arm64"), "v1"))["manifests"]
    tags = [row.get("annotations", {}).get("org.opencontainers.image.ref.name") for row in rows]
    assert tags[:3] == ["v1", "v1-amd64", "v1-arm64"]
    assert not [row for row in rows if "platform" in row]
    (single, *_) = json.loads(layout_index(bundle(store, "arm64"), "v1"))["manifests"]
    assert single["platform"]["architecture"] == "arm64"


def test_referrers_name_their_subject_and_their_blob(store: Store) -> None:
    made = bundle(store, "amd64")
    (row,) = made.referrers
    manifest = json.loads(made.documents[row.digest])
    assert manifest["subject"]["digest"] == str(made.root.digest)
    assert manifest["artifactType"] == row.artifact_type == "a/b"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert made.documents[Digest.parse(manifest["layers"][0]["digest"])] == b"{}"
    assert made.documents[Digest.parse(manifest["config"]["digest"])] == b"{}"


def test_the_fallback_tag_fits_into_a_tag() -> None:
    assert referrers_tag(sha256_of(b"")) == f"sha256-{sha256_of(b'').value}"
    assert len(referrers_tag(Digest("sha512", "0" * 128))) == 128


def test_a_layout_is_whole_and_readable_by_all(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "deep/er/layout"
    write_layout(bundle(store, "amd64"), target, store, tag="v1")
    assert json.loads((target / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    for blob in (target / "blobs/sha256").iterdir():
        assert sha256_of(blob.read_bytes()).value == blob.name
    assert (target.stat().st_mode & 0o777, tags(target)) == (0o755, ["v1", None])
    assert [path.name for path in target.parent.iterdir()] == ["layout"]


def test_a_layout_is_replaced_or_merged_as_asked(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "layout"
    write_layout(bundle(store, "amd64"), target, store, tag="v1")
    write_layout(bundle(store, "arm64", text=b"2"), target, store, tag="v2", merge=True)
    assert tags(target) == ["v1", None, "v2", None]
    write_layout(bundle(store, "amd64", text=b"3"), target, store, tag="v2", merge=True)
    assert sorted(map(str, tags(target))) == ["None", "None", "None", "v1", "v2"]
    for row in index(target):
        assert (target / "blobs/sha256" / row["digest"].partition(":")[2]).is_file()
    write_layout(bundle(store, "amd64"), target, store, tag="v3")
    assert tags(target) == ["v3", None]


def test_writing_twice_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    made = bundle(store, "amd64", "arm64")
    for name in ("a", "b"):
        write_layout(made, tmp_path / name, store, tag="v1")
        write_layout(made, tmp_path / name, store, tag="v1", merge=True)
        write_oci_archive(made, tmp_path / f"{name}.oci", store, tag="v1")
        write_docker_archive(made.images[0], tmp_path / f"{name}.docker", store, tags=["x:1"])
    for suffix in ("/index.json", ".oci", ".docker"):
        one, other = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert one == other


def test_nothing_but_a_layout_is_ever_replaced(store: Store, tmp_path: Path) -> None:
    made = bundle(store, "amd64")
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not an OCI layout"):
        write_layout(made, home, store, tag="v1")
    assert (home / "thesis.txt").read_text() == "years of work"
    with pytest.raises(UsageError, match="not an OCI layout"):
        write_layout(made, home / "thesis.txt", store, tag="v1")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifests":[1]}', '{"manifests":[{}]}'])
def test_a_broken_index_is_not_merged_into(store: Store, tmp_path: Path, text: str) -> None:
    target = tmp_path / "layout"
    write_layout(bundle(store, "amd64"), target, store, tag="v1")
    (target / "index.json").write_text(text)
    with pytest.raises(UsageError, match="not the index"):
        write_layout(bundle(store, "amd64"), target, store, tag="v2", merge=True)
    assert (target / "index.json").read_text() == text


def test_a_lost_layer_leaves_the_old_layout_as_it_was(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "layout"
    write_layout(bundle(store, "amd64"), target, store, tag="v1")
    made = bundle(store, "arm64", text=b"2")
    store.path(made.layers[0].digest).unlink()
    with pytest.raises(StoreError):
        write_layout(made, target, store, tag="v2")
    with pytest.raises(StoreError):
        write_oci_archive(made, tmp_path / "image.tar", store, tag="v2")
    assert tags(target) == ["v1", None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layout", "store"]


def test_an_unwritable_place_says_so(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="could not be written") as caught:
        write_oci_archive(bundle(store, "amd64"), tmp_path / "file/x.tar", store, tag="v1")
    assert caught.value.resolution


def test_a_docker_archive_holds_what_docker_load_looks_for(store: Store, tmp_path: Path) -> None:
    made = bundle(store, "amd64").images[0]
    write_docker_archive(made, tmp_path / "d.tar", store, tags=["example/app:1"])
    with tarfile.open(tmp_path / "d.tar") as archive:
        held = {m.name: (archive.extractfile(m) or io.BytesIO()).read() for m in archive}
    (row,) = json.loads(held["manifest.json"])
    assert row["RepoTags"] == ["example/app:1"]
    assert sha256_of(held[row["Config"]]).value == row["Config"].removesuffix(".json")
    assert "Healthcheck" in json.loads(held[row["Config"]])["config"]
    assert set(row["Layers"]) <= set(held)


def test_the_same_image_in_two_platforms_keeps_both(store: Store) -> None:
    made = bundle(store, "amd64").images[0]
    other = replace(made, platform=Platform("linux", "arm64"))
    both = assemble([made, other], annotations={})
    assert len(both.layers) == 1
    with pytest.raises(ValueError, match="no platform"):
        assemble([], annotations={})
