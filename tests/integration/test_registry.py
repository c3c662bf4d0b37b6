"""``neve push``, ``pull``, ``copy`` and ``tags`` against real registries; skopeo and oras judge.

Debian's ``docker-registry`` stands for those without the referrers API, go-containerregistry's
for those with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.tls import Authority

from neve.model import Origin, Platform, Reason
from neve.oci.bundle import Artifact, assemble, platform_image
from neve.oci.config import ImageConfig, layer_history
from neve.oci.layering import partition
from neve.oci.layout import write_layout
from neve.oci.pack import pack_layers
from neve.recipe.types import Run
from neve.store import Store
from neve.tree import FileEntry, Inline, Kind, Tree

pytestmark = pytest.mark.integration

LOGIN = "robot:s3cret-w0rd"
HTPASSWD = "robot:$2y$05$abcdefghijklmnopqrstuuxkfnsT92cmKajQ/1kES5QAXehS5Jpc.\n"
SOURCES = Path(__file__).parents[1] / "support" / "referrers"


@dataclass
class Place:
    """A directory of its own for one test, with a home and a store."""

    path: Path
    ca_file: Path | None = None
    store: str = "store"

    def neve(self, *words: str | Path, code: int = 0) -> str:
        done = self.run(*words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "NEVE_STORE": str(self.path / self.store),
            **({"NEVE_CA_FILE": str(self.ca_file)} if self.ca_file else {}),
        }
        return subprocess.run(
            [sys.executable, "-m", "neve", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            cwd=self.path,
        )

    def json(self, *words: str | Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.neve(*words, "--format", "json"))
        return found

    def log_in(self, host: str, login: str = LOGIN) -> None:
        folder = self.path / ".docker"
        folder.mkdir(exist_ok=True)
        entry = {"auth": base64.b64encode(login.encode()).decode()}
        (folder / "config.json").write_text(json.dumps({"auths": {host: entry}}))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def needs(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


def skopeo(*words: str | Path) -> str:
    done = subprocess.run(
        [needs("skopeo"), "--insecure-policy", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest_of(host: str, name: str) -> str:
    """The digest that skopeo finds under a tag: that of the index, where there is one."""
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/{name}")
    return f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}"


def layout(place: Place, *architectures: str, size: int = 300_000) -> str:
    """A layout ``image:1`` with an SBOM for each platform; its root digest."""
    images = []
    with Store.open(place.path / "making") as store:
        for architecture in architectures:
            reason = Reason(Origin.PACKAGE, "app")
            entries = [
                FileEntry(path="/app", kind=Kind.FILE, mode=0o755, owners=("app",), reason=reason,
                          content=Inline(os.urandom(size))),
                FileEntry(path="/arch", kind=Kind.FILE, mode=0o644, reason=reason,
                          content=Inline(architecture.encode())),
                FileEntry(path="/shared", kind=Kind.FILE, mode=0o644, owners=("base",),
                          reason=reason, content=Inline(b"shared" * 1000)),
            ]  # fmt: skip
            plans = partition(Tree(entries))
            blobs = pack_layers(plans, store)
            config = ImageConfig(
                run=Run(entrypoint=("/app",)),
                user="65532:65532",
                platform=Platform("linux", architecture),
                created=1_700_000_000,
                layers=layer_history(blobs, [plan.packages for plan in plans]),
            )
            images.append(platform_image(config, blobs, {}))
        sbom = Artifact(
            artifact_type="application/spdx+json",
            media_type="application/spdx+json",
            data=b'{"spdxVersion":"SPDX-2.3"}',
            name="sbom.spdx.json",
        )
        made = assemble(images, annotations={}, artifacts={i.platform: [sbom] for i in images})
        write_layout(made, place.path / "image", store, tag="1")
    return str(made.root.digest)


@contextmanager
def docker_registry(folder: Path, *, http: str = "", auth: str = "") -> Iterator[str]:
    """Debian's registry server, its data in ``folder``; its host and port."""
    program = needs("docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'{http}}}\n{auth}log: {{level: error}}\n"
    )
    server = subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[str]:
    with docker_registry(tmp_path / "registry") as host:
        yield host


@pytest.fixture(scope="session")
def go_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with referrers, and oras, built from their modules as go.sum pins them."""
    folder = tmp_path_factory.mktemp("go")
    done = subprocess.run(
        [needs("go"), "build", "-buildvcs=false", "-o", folder, ".", "oras.land/oras/cmd/oras"],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        timeout=500,
    )
    if done.returncode != 0:
        pytest.skip(f"go could not build the registry with referrers: {done.stderr[-300:]}")
    return folder


@pytest.fixture
def knowing(go_tools: Path) -> Iterator[str]:
    """A registry that has the referrers API."""
    server = subprocess.Popen(
        [go_tools / "referrers"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout is not None
        yield f"localhost:{server.stdout.readline().rpartition(':')[2].strip()}"
    finally:
        server.kill()
        server.wait(timeout=20)
        if server.stdout is not None:
            server.stdout.close()


@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_there_and_back(place: Place, plain: str, architectures: tuple[str, ...]) -> None:
    root = layout(place, *architectures)
    result = place.json("push", "image", f"{plain}/team/app:1", "--tag", "more")
    assert result["digest"] == root
    assert result["referrers"] == len(architectures)
    assert result["blobs_moved"] > 0
    assert digest_of(plain, "team/app:1") == digest_of(plain, "team/app:more") == root
    again = place.json("push", "image:1", f"{plain}/team/app:2")
    assert (again["blobs_moved"], again["size"]) == (0, 0)
    place.store = "another"
    pulled = place.json("pull", f"{plain}/team/app:1", "-o", "back")
    assert pulled["digest"] == root
    before = json.loads((place.path / "image/index.json").read_text())["manifests"]
    after = json.loads((place.path / "back/index.json").read_text())["manifests"]
    assert sorted(map(json.dumps, after)) == sorted(map(json.dumps, before))
    assert blobs(place.path / "back") == blobs(place.path / "image")
    raw = skopeo("inspect", "--raw", f"oci:{place.path}/back:1")
    assert f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}" == root
    assert "more" in place.neve("tags", f"{plain}/team/app").splitlines()


def blobs(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (path / "blobs/sha256").iterdir()}


def test_skopeo_pushes_and_neve_pulls(place: Place, plain: str) -> None:
    root = layout(place, "amd64", "arm64")
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{place.path}/image:1",
           f"docker://{plain}/team/app:1")  # fmt: skip
    assert place.json("pull", f"{plain}/team/app:1", "-o", "back")["digest"] == root
    one = place.json("pull", f"{plain}/team/app:1", "-o", "arm", "--platform", "linux/arm64")
    assert one["platforms"] == ["linux/arm64"]
    found = json.loads(skopeo("inspect", "--config", f"oci:{place.path}/arm:1"))
    assert found["architecture"] == "arm64"
    failed = place.run("pull", f"{plain}/team/app:1", "-o", "no", "--platform", "linux/s390x")
    assert failed.returncode == 2
    assert "platform: linux/arm64" in failed.stderr


def test_dockers_own_media_types(place: Place, plain: str) -> None:
    layout(place, "amd64")
    skopeo("copy", "--format", "v2s2", "--dest-tls-verify=false", f"oci:{place.path}/image:1",
           f"docker://{plain}/team/app:v2")  # fmt: skip
    pulled = place.json("pull", f"{plain}/team/app:v2", "-o", "back")
    assert pulled["media_type"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert pulled["digest"] == digest_of(plain, "team/app:v2")
    place.neve("push", "back", f"{plain}/other/app:v2")
    assert digest_of(plain, "other/app:v2") == pulled["digest"]


def test_archives(place: Place, plain: str) -> None:
    root = layout(place, "amd64")
    place.neve("push", "image", f"{plain}/team/app:1")
    place.neve("pull", f"{plain}/team/app:1", "-o", "a.tar", "--image-format", "oci-archive")
    assert place.json("push", "a.tar", f"{plain}/from/archive:1")["digest"] == root
    skopeo("copy", f"oci-archive:{place.path}/a.tar:1", f"docker-archive:{place.path}/d.tar:x/y:1")
    place.neve("push", "docker-archive:d.tar", f"{plain}/from/docker:1")
    place.neve("pull", f"{plain}/team/app:1", "-o", "p.tar", "--image-format", "docker-archive")
    skopeo("copy", f"docker-archive:{place.path}/p.tar", f"oci:{place.path}/taken:1")
    before, after = (
        json.loads(skopeo("inspect", "--tls-verify=false", "--config", f"docker://{plain}/{name}"))
        for name in ("team/app:1", "from/docker:1")
    )
    assert after["rootfs"] == before["rootfs"]
    skopeo("copy", "--src-tls-verify=false", f"docker://{plain}/from/docker:1",
           f"oci:{place.path}/judged:1")  # fmt: skip


def test_a_copy_in_one_registry_mounts(place: Place, plain: str) -> None:
    root = layout(place, "amd64")
    place.neve("push", "image", f"{plain}/team/app:1")
    result = place.json("copy", f"{plain}/team/app:1", f"{plain}/prod/app:7")
    assert (result["blobs_moved"], result["size"], result["digest"]) == (0, 0, root)
    assert result["blobs_mounted"] > 0
    assert digest_of(plain, "prod/app:7") == root
    bare = place.json("copy", "--no-referrers", f"{plain}/team/app@{root}", "./bare")
    assert bare["referrers"] == 0
    assert bare["tags"] == ["latest"]


def test_a_login_is_used_and_never_shown(place: Place, tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    layout(place, "amd64")
    with docker_registry(tmp_path / "registry", auth=auth) as host:
        refused = place.run("push", "image", f"{host}/team/app:1", "--format", "json")
        assert refused.returncode == 3
        assert "podman login" in refused.stderr
        place.log_in(host, "robot:wr0ng-w0rd")
        wrong = place.run("push", "image", f"{host}/team/app:1", "--format", "json")
        assert wrong.returncode == 3
        place.log_in(host)
        right = place.run("push", "image", f"{host}/team/app:1", "--format", "json")
        assert right.returncode == 0, right.stderr
        pulled = place.run("pull", f"{host}/team/app:1", "-o", "back")
        assert pulled.returncode == 0, pulled.stderr
    told = "".join(done.stdout + done.stderr for done in (refused, wrong, right, pulled))
    for secret in (LOGIN, "robot:wr0ng-w0rd"):
        assert secret.partition(":")[2] not in told
        assert base64.b64encode(secret.encode()).decode() not in told


def test_a_private_ca(place: Place, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.context("localhost")
    pair = tmp_path / "localhost.pem"
    http = f", tls: {{certificate: {pair}, key: {pair}}}"
    root = layout(place, "amd64")
    with docker_registry(tmp_path / "registry", http=http) as host:
        refused = place.run("push", "image", f"{host}/team/app:1")
        assert refused.returncode == 3
        assert "not trusted" in refused.stderr
        place.ca_file = authority.file
        place.neve("push", "image", f"{host}/team/app:1")
        assert digest_of(host, "team/app:1") == root


def test_a_registry_with_referrers(place: Place, knowing: str, go_tools: Path) -> None:
    root = layout(place, "amd64", "arm64")
    place.neve("push", "image", f"{knowing}/team/app:1")
    tags = place.json("tags", f"{knowing}/team/app")["tags"]
    assert tags == ["1"], "the registry keeps the list, not a tag"
    assert digest_of(knowing, "team/app:1") == root
    assert len(discovered(go_tools, knowing, "team/app:1")) == 1
    place.store = "another"
    pulled = place.json("pull", f"{knowing}/team/app:1", "-o", "back")
    assert pulled["referrers"] == 2
    assert blobs(place.path / "back") == blobs(place.path / "image")


def test_oras_finds_what_neve_attached_where_there_is_no_list(
    place: Place, plain: str, go_tools: Path
) -> None:
    layout(place, "amd64")
    place.neve("push", "image", f"{plain}/team/app:1")
    assert discovered(go_tools, plain, "team/app:1") == ["application/spdx+json"]
    (place.path / "note.txt").write_text("checked")
    subprocess.run(
        [go_tools / "oras", "attach", "--plain-http", "--artifact-type", "text/note",
         f"{plain}/team/app:1", "note.txt"],
        cwd=place.path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert place.json("pull", f"{plain}/team/app:1", "-o", "back")["referrers"] == 2
    place.neve("push", "image", f"{plain}/team/app:1")
    kinds = discovered(go_tools, plain, "team/app:1")
    assert kinds == ["application/spdx+json", "text/note"], "a second push keeps others' entries"


def discovered(go_tools: Path, host: str, name: str) -> list[str]:
    """The artifact types that oras finds attached to this machine's platform of an image."""
    done = subprocess.run(
        [go_tools / "oras", "discover", "--plain-http", "--platform", "linux/amd64", "--format",
         "json", f"{host}/{name}"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    document = json.loads(done.stdout)
    rows = document.get("referrers") or document.get("manifests") or []
    return sorted(row["artifactType"] for row in rows)


def test_from_one_registry_into_another(place: Place, plain: str, knowing: str) -> None:
    root = layout(place, "amd64", "arm64")
    place.neve("push", "image", f"{plain}/team/app:1")
    place.store = "another"
    result = place.json("copy", f"{plain}/team/app:1", f"{knowing}/team/app:1")
    assert (result["digest"], result["referrers"]) == (root, 2)
    assert digest_of(knowing, "team/app:1") == root


def test_a_blob_damaged_in_the_registry_is_caught(place: Place, plain: str) -> None:
    layout(place, "amd64")
    place.neve("push", "image", f"{plain}/team/app:1")
    data = place.path / "registry/data/docker/registry/v2/blobs/sha256"
    largest = max(data.glob("*/*/data"), key=lambda file: file.stat().st_size)
    held = bytearray(largest.read_bytes())
    held[len(held) // 2] ^= 1
    largest.write_bytes(held)
    place.store = "another"
    failed = place.run("pull", f"{plain}/team/app:1", "-o", "back")
    assert failed.returncode == 3
    assert largest.parent.name in failed.stderr
    assert not (place.path / "back").exists()
