"""Images as skopeo, umoci, buildah and a registry server take them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from neve.model import Origin, Platform, Reason
from neve.oci.archive import write_docker_archive, write_oci_archive
from neve.oci.bundle import Artifact, Bundle, assemble, platform_image
from neve.oci.codec import Compression
from neve.oci.config import ImageConfig, layer_history
from neve.oci.layering import partition
from neve.oci.layout import write_layout
from neve.oci.layout_source import open_image
from neve.oci.pack import pack_layers
from neve.oci.read_tree import read_tree
from neve.recipe.types import HealthCheck, Run
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Tree

pytestmark = pytest.mark.integration

TAG = "v1"
LONG = "/usr/share/" + "/".join(["a-long-directory-name"] * 8) + "/file"


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


def run(*argv: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def skopeo(*argv: str | Path) -> str:
    needs("skopeo")
    return run("skopeo", "--insecure-policy", *argv)


def entry(path: str, kind: Kind, owner: str | None, **fields: object) -> FileEntry:
    origin = Origin.PACKAGE if owner else Origin.EFFECT
    values: dict[str, object] = {
        "mode": 0o755 if kind is Kind.DIRECTORY else 0o644,
        "mtime": 0 if kind is Kind.DIRECTORY else 1_600_000_000,
        **fields,
    }
    return FileEntry(
        path=path,
        kind=kind,
        owners=(owner,) if owner else (),
        reason=Reason(origin, owner or "effect"),
        **values,  # type: ignore[arg-type]
    )


def tree(architecture: str) -> Tree:
    """A small system: two packages, one with a layer of its own, and generated files."""
    parents = ["/" + "/".join(LONG.split("/")[1:count]) for count in range(2, len(LONG.split("/")))]
    return Tree(
        [
            *(entry(path, Kind.DIRECTORY, "data") for path in parents),
            entry(LONG, Kind.FILE, "data", content=Inline(b"deep")),
            entry("/usr/bin", Kind.DIRECTORY, "app"),
            entry(
                "/usr/bin/app", Kind.FILE, "app", mode=0o755, content=Inline(os.urandom(8) * 16_000)
            ),
            entry("/usr/bin/app-again", Kind.HARDLINK, "app", mode=0o755, target="/usr/bin/app"),
            entry("/usr/bin/link", Kind.SYMLINK, "app", mode=0o777, target="app"),
            entry("/usr/share/Größe", Kind.FILE, "data", content=Inline("ü".encode())),
            entry("/etc", Kind.DIRECTORY, None),
            entry("/etc/arch", Kind.FILE, None, content=Inline(architecture.encode())),
            entry("/home", Kind.DIRECTORY, None),
            entry("/home/app", Kind.DIRECTORY, None, mode=0o750, uid=65532, gid=65532),
            entry("/home/app/empty", Kind.FILE, None, uid=65532, gid=65532, content=Inline(b"")),
            entry("/bin", Kind.SYMLINK, None, mode=0o777, target="usr/bin"),
        ]
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def bundle(
    store: Store, *architectures: str, compression: Compression = Compression.GZIP
) -> Bundle:
    images = []
    for architecture in architectures:
        plans = partition(tree(architecture))
        blobs = pack_layers(plans, store, compression=compression)
        config = ImageConfig(
            run=Run(
                entrypoint=("/usr/bin/app",),
                ports=("8080",),
                health_check=HealthCheck(command=("/usr/bin/app", "--check")),
            ),
            user="65532:65532",
            platform=Platform("linux", architecture),
            created=1_700_000_000,
            layers=layer_history(blobs, [plan.packages for plan in plans]),
        )
        images.append(platform_image(config, blobs, {}))
    sbom = Artifact(
        artifact_type="application/spdx+json",
        media_type="application/spdx+json",
        data=b"{}",
        name="sbom.spdx.json",
    )
    return assemble(images, annotations={}, artifacts={i.platform: [sbom] for i in images})


def host_platform() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64")


def shape(found: Tree) -> list[tuple[object, ...]]:
    return [
        (e.path, e.kind, e.mode, e.uid, e.gid, e.mtime, e.target, e.content and e.content.digest)
        for e in found
    ]


def test_skopeo_takes_a_layout_with_referrers_by_its_tag(store: Store, tmp_path: Path) -> None:
    made = bundle(store, "amd64")
    write_layout(made, tmp_path / "layout", store, tag=TAG)
    skopeo("copy", f"oci:{tmp_path}/layout:{TAG}", f"dir:{tmp_path}/dir")
    assert (tmp_path / "dir/manifest.json").read_bytes() == made.documents[made.root.digest]
    found = json.loads(skopeo("inspect", f"oci:{tmp_path}/layout:{TAG}"))
    assert found["Digest"] == str(made.root.digest)
    assert (found["Architecture"], len(found["Layers"])) == ("amd64", 3)


@pytest.mark.parametrize("compression", list(Compression))
def test_skopeo_checks_every_diff_id_of_every_form(
    store: Store, tmp_path: Path, compression: Compression
) -> None:
    made = bundle(store, "amd64", compression=compression)
    write_layout(made, tmp_path / "layout", store, tag=TAG)
    write_oci_archive(made, tmp_path / "oci.tar", store, tag=TAG)
    write_docker_archive(made.images[0], tmp_path / "docker.tar", store, tags=["x.test/app:1"])
    wanted = shape(read_tree(open_image(tmp_path / "layout"), store))
    for number, source in enumerate(
        (
            f"oci:{tmp_path}/layout:{TAG}",
            f"oci-archive:{tmp_path}/oci.tar:{TAG}",
            f"docker-archive:{tmp_path}/docker.tar:x.test/app:1",
            f"docker-archive:{tmp_path}/docker.tar",
        )
    ):
        target = tmp_path / f"copy-{number}"
        skopeo("copy", source, f"oci:{target}:copied")
        other = Store.open(tmp_path / f"other-{number}")
        assert shape(read_tree(open_image(target, tag="copied"), other)) == wanted


def test_a_health_check_reaches_those_who_read_docker_archives(
    store: Store, tmp_path: Path
) -> None:
    image = bundle(store, "amd64").images[0]
    write_docker_archive(image, tmp_path / "docker.tar", store, tags=["x.test/app:1"])
    target = f"docker-archive:{tmp_path}/again.tar:x.test/app:1"
    skopeo("copy", f"docker-archive:{tmp_path}/docker.tar", target)
    source = open_image(tmp_path / "again.tar")
    check = json.loads(source.configuration)["config"]["Healthcheck"]
    assert check["Test"] == ["CMD", "/usr/bin/app", "--check"]
    assert len(read_tree(source, store)) == len(tree("amd64"))


def test_an_image_of_two_platforms_is_copied_whole_or_by_platform(
    store: Store, tmp_path: Path
) -> None:
    made = bundle(store, "amd64", "arm64")
    write_layout(made, tmp_path / "layout", store, tag=TAG)
    source = f"oci:{tmp_path}/layout:{TAG}"
    skopeo("copy", "--all", source, f"dir:{tmp_path}/all")
    assert (tmp_path / "all/manifest.json").read_bytes() == made.documents[made.root.digest]
    skopeo("--override-arch", "arm64", "copy", source, f"oci:{tmp_path}/arm:x")
    found = read_tree(open_image(tmp_path / "arm"), store)
    assert found["/etc/arch"].content == tree_content(store, tmp_path, Platform("linux", "arm64"))


def tree_content(store: Store, base: Path, platform: Platform) -> object:
    return read_tree(open_image(base / "layout", platform=platform), store)["/etc/arch"].content


@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_umoci_unpacks_what_was_packed(
    store: Store, tmp_path: Path, architectures: tuple[str, ...]
) -> None:
    needs("umoci")
    made = bundle(store, *architectures)
    write_layout(made, tmp_path / "layout", store, tag=TAG)
    tag = TAG if len(architectures) == 1 else f"{TAG}-amd64"
    image = f"{tmp_path}/layout:{tag}"
    run("umoci", "unpack", "--rootless", "--image", image, tmp_path / "unpacked")
    root = tmp_path / "unpacked/rootfs"
    wanted = read_tree(open_image(tmp_path / "layout", tag=tag), store)
    assert on_disk(root) == {e.path for e in wanted}
    for item in wanted:
        path = root / item.path[1:]
        found = path.lstat()
        if item.kind is Kind.SYMLINK:
            assert path.readlink() == Path(item.target or "")
            continue
        holder = wanted.content_entry(item)
        assert found.st_mode & 0o7777 == holder.mode, item.path
        if holder.content is not None:
            assert int(found.st_mtime) == holder.mtime
            assert path.stat().st_size == holder.content.size
    again = root / "usr/bin/app-again"
    assert again.stat().st_ino == (root / "usr/bin/app").stat().st_ino


def on_disk(root: Path) -> set[str]:
    return {"/" + str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[list[str]]:
    needs("buildah")
    if os.geteuid() != 0:
        pytest.skip("buildah mounts without a user namespace only as root")
    base = ["buildah", "--root", f"{tmp_path}/cs", "--runroot", f"{tmp_path}/run"]
    yield [*base, "--storage-driver", "vfs"]
    subprocess.run([*base, "--storage-driver", "vfs", "rm", "--all"], capture_output=True)


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
@pytest.mark.parametrize("architectures", [(host_platform(),), ("amd64", "arm64")])
def test_buildah_starts_from_the_layout(
    store: Store,
    tmp_path: Path,
    buildah: list[str],
    architectures: tuple[str, ...],
    compression: Compression,
) -> None:
    write_layout(
        bundle(store, *architectures, compression=compression), tmp_path / "l", store, tag=TAG
    )
    isolated = {"BUILDAH_ISOLATION": "chroot"}
    container = run(*buildah, "from", f"oci:{tmp_path}/l:{TAG}", **isolated).split()[-1]
    root = Path(run(*buildah, "mount", container).strip())
    platform = Platform("linux", host_platform())
    wanted = read_tree(open_image(tmp_path / "l", platform=platform), store)
    found = on_disk(root)
    assert found == {e.path for e in wanted}
    home = (root / "home/app").stat()
    assert (home.st_uid, home.st_gid, home.st_mode & 0o7777) == (65532, 65532, 0o750)
    assert (root / "etc/arch").read_text() == host_platform()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    needs("docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nlog: {{level: error}}\n"
    )
    server = subprocess.Popen(
        ["docker-registry", "serve", str(settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_a_registry_keeps_the_digest(
    store: Store,
    tmp_path: Path,
    registry: str,
    architectures: tuple[str, ...],
    compression: Compression,
) -> None:
    made = bundle(store, *architectures, compression=compression)
    write_layout(made, tmp_path / "layout", store, tag=TAG)
    target = f"{registry}/team/app:1"
    skopeo(
        "copy",
        "--all",
        "--dest-tls-verify=false",
        f"oci:{tmp_path}/layout:{TAG}",
        f"docker://{target}",
    )
    request = urllib.request.Request(
        f"http://{registry}/v2/team/app/manifests/1", headers={"Accept": made.root.media_type}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Docker-Content-Digest"] == str(made.root.digest)
        assert answer.read() == made.documents[made.root.digest]
    back = f"oci:{tmp_path}/back:{TAG}"
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{target}", back)
    for image in made.images:
        pair = [open_image(tmp_path / d, platform=image.platform) for d in ("layout", "back")]
        assert pair[0].configuration == pair[1].configuration == image.config_data


def test_extended_attributes_survive(store: Store, tmp_path: Path) -> None:
    value = base64.b64decode("AQAAAgAEAAAAAAAAAAAAAAAAAAA=")
    capable = entry(
        "/ping", Kind.FILE, "app", content=Inline(b"x"), xattrs=(("security.capability", value),)
    )
    plans = partition([capable])
    blobs = pack_layers(plans, store)
    config = ImageConfig(
        run=Run(),
        user="0:0",
        platform=Platform("linux", host_platform()),
        created=0,
        layers=layer_history(blobs, [("app",)]),
    )
    image = platform_image(config, blobs, {})
    write_layout(assemble([image], annotations={}), tmp_path / "layout", store, tag=TAG)
    assert read_tree(open_image(tmp_path / "layout"), store)["/ping"].xattrs == capable.xattrs
    skopeo("copy", f"oci:{tmp_path}/layout:{TAG}", f"docker-archive:{tmp_path}/d.tar:x/y:1")
    assert read_tree(open_image(tmp_path / "d.tar"), store)["/ping"].xattrs == capable.xattrs
