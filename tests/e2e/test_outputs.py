"""What a build writes: variants, platforms, archives, attestations, tags."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import ArchiveBuilder, SigningKey, serve
from tests.support.command import Desk

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


@pytest.fixture(scope="module")
def made(
    small_archive: tuple[ArchiveBuilder, SigningKey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk with a lock and its image in ``out``."""
    archive, key = small_archive
    with serve(archive.root) as server:
        desk = Desk.lay(tmp_path_factory.mktemp("outputs") / "desk", server, key)
        desk.neve("lock")
        desk.build()
        yield desk


def blob(layout: Path, digest: str) -> Any:
    """A JSON document of a layout."""
    return json.loads((layout / "blobs" / "sha256" / digest.partition(":")[2]).read_text())


def tagged(layout: Path, tag: str = "latest") -> dict[str, Any]:
    """The one descriptor under a tag."""
    name = "org.opencontainers.image.ref.name"
    index = json.loads((layout / "index.json").read_text())
    rows = [row for row in index["manifests"] if row.get("annotations", {}).get(name) == tag]
    assert len(rows) == 1
    return dict(rows[0])


def names(desk: Desk, *arguments: str) -> dict[str, str]:
    """The packages of a plan, with their versions."""
    plan = desk.neve("plan", *arguments, "--format", "json").document
    return {package["name"]: package["version"] for package in plan["packages"]}


def test_a_variant_is_a_superset_at_the_same_versions(made: Desk) -> None:
    runtime, debug = names(made), names(made, "--variant", "debug")
    assert debug.keys() - runtime.keys() == {"inspector"}
    assert {name: debug[name] for name in runtime} == runtime
    made.build("debug", "--variant", "debug")
    difference = made.neve("diff", "out", "debug", "--format", "json").document
    assert [row["name"] for row in difference["packages"]] == ["inspector"]
    added = {row["name"] for row in difference["files"] if row["before"] is None}
    assert "/usr/bin/inspect" in added
    assert all(row["before"] is None or row["after"] for row in difference["files"])


def test_a_difference_of_configuration_is_told_in_the_recipes_words(made: Desk) -> None:
    recipe = (made.directory / "neve.yaml").read_text()
    run = "run: {entrypoint: [/usr/bin/tool, -v], environment: {LEVEL: info}}\n"
    (made.directory / "other.yaml").write_text(recipe + run)
    rows = made.neve("diff", "neve.yaml", "other.yaml", "--format", "json").document
    told = {row["name"]: row["after"] for row in rows["configuration"]}
    assert told == {"entrypoint": '["/usr/bin/tool", "-v"]', "environment.LEVEL": "info"}


def test_accounts_of_packages_and_of_the_recipe_are_compared(made: Desk) -> None:
    recipe = (made.directory / "neve.yaml").read_text()
    text = recipe.replace("packages: [tool, plain]", "packages: [plain]")
    accounts = "accounts: {users: {app: {uid: 2000, home: /srv/app}}}\n"
    (made.directory / "accounts.yaml").write_text(text + accounts)
    made.build("accounts", "accounts.yaml")
    told = made.neve("diff", "out", "accounts", "--format", "json").document
    users = {row["name"]: (row["before"], row["after"]) for row in told["users"]}
    groups = {row["name"]: (row["before"], row["after"]) for row in told["groups"]}
    assert users.keys() == groups.keys() == {"tool", "app"}
    assert users["app"] == (None, "uid 2000, gid 2000, home /srv/app, shell /usr/sbin/nologin")
    assert groups["app"] == (None, "gid 2000")
    assert "home /var/lib/tool" in users["tool"][0]
    assert users["tool"][1] is None


def test_why_tells_of_a_file_a_package_a_rule_and_a_dropped_path(made: Desk) -> None:
    def tell(target: str) -> Any:
        return made.neve("why", "out", target, "--format", "json").document

    assert tell("/usr/bin/tool")["reason"]["subject"] == "tool"
    assert tell("/bin/tool")["state"] == "path"
    assert tell("libsmall1")["packages"][0]["because"][-1].startswith("tool → libsmall1")
    assert tell("/usr/share/man/man1/tool.1.gz")["reason"]["subject"] == "prune-manuals"
    assert tell("/usr/bin/dash")["reason"]["subject"] == "no-shell"
    assert tell("/var/lib/tool")["reason"]["subject"] == "tool"


def test_why_tells_who_made_an_account(made: Desk) -> None:
    def tell(target: str) -> Any:
        return made.neve("why", "out", target, "--format", "json").document

    root, group = tell("root")["accounts"]
    assert (root["kind"], group["kind"]) == ("user", "group")
    assert root["reason"]["subject"] == "minimal-accounts"
    (nonroot, _) = tell("nonroot")["accounts"]
    assert (nonroot["reason"]["origin"], nonroot["reason"]["subject"]) == ("recipe", "run.user")
    package = tell("tool")
    assert package["state"] == "package"
    assert [one["reason"]["subject"] for one in package["accounts"]] == ["tool", "tool"]
    assert package["accounts"][0]["packages"][0]["name"] == "tool"
    text = made.neve("why", "out", "nonroot").out
    assert "user nonroot  uid 65532" in text
    assert "made by recipe run.user" in text


def test_why_tells_what_was_left_out_on_purpose(made: Desk) -> None:
    for path, word in (("/etc/ld.so.cache", "loader"), ("/var/lib/dpkg/status", "status.d")):
        done = made.neve("why", "out", path)
        assert "not in the image, on purpose" in done.out
        assert word in " ".join(done.out.split())
        assert made.neve("why", "out", path, "--format", "json").document["state"] == "left-out"


def test_the_image_is_hardened(made: Desk) -> None:
    layout = made.directory / "out"
    manifest = blob(layout, tagged(layout)["digest"])
    config = blob(layout, manifest["config"]["digest"])
    assert config["config"]["User"].split(":")[0] == "65532"
    modes: dict[str, int] = {}
    for layer in manifest["layers"]:
        path = layout / "blobs" / "sha256" / layer["digest"].partition(":")[2]
        with tarfile.open(path) as tar:
            modes |= {member.name: member.mode for member in tar}
    assert not any(mode & 0o6000 for mode in modes.values())
    assert not {"usr/bin/dash", "usr/share/man/man1/tool.1.gz"} & modes.keys()
    assert {"usr/share/doc/tool/copyright", "var/lib/dpkg/status.d/tool"} <= modes.keys()


def test_another_platform_needs_no_emulation(made: Desk) -> None:
    made.build("arm", "--platform", "linux/arm64")
    layout = made.directory / "arm"
    config = blob(layout, blob(layout, tagged(layout)["digest"])["config"]["digest"])
    assert (config["os"], config["architecture"]) == ("linux", "arm64")


def test_several_platforms_are_one_index(made: Desk) -> None:
    root = made.build("both", "--platform", "linux/amd64,linux/arm64")
    layout = made.directory / "both"
    row = tagged(layout)
    assert row["digest"] == root
    assert row["mediaType"] == "application/vnd.oci.image.index.v1+json"
    index = blob(layout, root)
    platforms = {entry["platform"]["architecture"] for entry in index["manifests"]}
    assert platforms == {"amd64", "arm64"}
    alone = made.build("alone", "--platform", "linux/amd64")
    assert alone in {entry["digest"] for entry in index["manifests"]}
    assert made.build("again", "--platform", "linux/amd64", "--platform", "linux/arm64") == root


def test_what_two_images_share_is_shared(made: Desk) -> None:
    """The debug image's layers hold those of the runtime image."""
    made.build("shared-debug", "--variant", "debug")
    layers = []
    for name in ("out", "shared-debug"):
        layout = made.directory / name
        manifest = blob(layout, tagged(layout)["digest"])
        layers.append({layer["digest"] for layer in manifest["layers"]})
    assert layers[0] & layers[1]


@needs_skopeo
@pytest.mark.integration
@pytest.mark.parametrize("image_format", ["oci", "oci-archive", "docker-archive"])
def test_skopeo_accepts(made: Desk, image_format: str) -> None:
    out = made.directory / f"skopeo-{image_format}"
    made.build(str(out), "--image-format", image_format, "--tag", "example.org/small:1.2")
    suffix = "" if image_format == "docker-archive" else ":1.2"
    inspected = subprocess.run(
        ["skopeo", "inspect", "--config", f"{image_format}:{out}{suffix}"],
        capture_output=True,
        text=True,
        check=True,
    )
    config = json.loads(inspected.stdout)
    assert config["architecture"] in ("amd64", "arm64")
    assert config["config"]["Labels"]["io.neve.lock"].startswith("sha256:")


@needs_skopeo
@pytest.mark.integration
def test_formats_hold_the_same_image(made: Desk, tmp_path: Path) -> None:
    """Copied out of either archive, the layers are those of the layout."""
    layout = made.directory / "out"
    diff_ids = blob(layout, blob(layout, tagged(layout)["digest"])["config"]["digest"])["rootfs"]
    for image_format in ("oci-archive", "docker-archive"):
        out = tmp_path / image_format
        made.build(str(out), "--image-format", image_format)
        source = f"{image_format}:{out}" + (":latest" if image_format == "oci-archive" else "")
        subprocess.run(
            ["skopeo", "copy", "-q", source, f"oci:{tmp_path}/{image_format}-c"], check=True
        )
        copied = tmp_path / f"{image_format}-c"
        row = json.loads((copied / "index.json").read_text())["manifests"][0]
        assert blob(copied, blob(copied, row["digest"])["config"]["digest"])["rootfs"] == diff_ids


@pytest.mark.parametrize("image_format", ["oci-archive", "docker-archive"])
def test_archives_are_reproducible(made: Desk, tmp_path: Path, image_format: str) -> None:
    for name, zone in (("a", "UTC"), ("b", "Asia/Tokyo")):
        env = {"TZ": zone, "PYTHONHASHSEED": str(len(zone)), "NEVE_STORE": str(tmp_path / zone)}
        made.neve("build", "-o", tmp_path / name, "--image-format", image_format, env=env)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_docker_archive_says_what_it_cannot_hold(made: Desk) -> None:
    done = made.neve("build", "-o", "plain.tar", "--image-format", "docker-archive")
    assert "--attestations" in done.out + done.err
    assert made.neve("why", "plain.tar", "/etc/passwd", expect=3).err.count("record") >= 1


def test_attestations_as_files(made: Desk) -> None:
    made.build("attested", "--attestations", "documents")
    folder = made.directory / "documents"
    found = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert set(found) == {
        "sbom.spdx.json",
        "sbom.cdx.json",
        "record.json",
        "provenance.intoto.json",
    }
    packages = {package["name"] for package in found["sbom.spdx.json"]["packages"]}
    assert {"tool", "libsmall1", "plain", "base-files"} <= packages
    digest = tagged(made.directory / "attested")["digest"]
    subject = found["provenance.intoto.json"]["subject"][0]["digest"]["sha256"]
    assert digest == f"sha256:{subject}"


def test_attestations_of_several_platforms_do_not_overwrite_one_another(made: Desk) -> None:
    made.build("two", "--platform", "linux/amd64,linux/arm64", "--attestations", "two-documents")
    folder = made.directory / "two-documents"
    assert {path.name for path in folder.iterdir()} == {"linux-amd64", "linux-arm64"}


def test_referrers_name_the_image(made: Desk) -> None:
    layout = made.directory / "out"
    digest = tagged(layout)["digest"]
    rows = json.loads((layout / "index.json").read_text())["manifests"]
    kinds = {
        blob(layout, row["digest"])["artifactType"]
        for row in rows
        if blob(layout, row["digest"]).get("subject", {}).get("digest") == digest
    }
    assert {"application/spdx+json", "application/vnd.cyclonedx+json"} <= kinds
    assert len(kinds) == 4


def test_no_file_a_build_writes_depends_on_the_umask(made: Desk, tmp_path: Path) -> None:
    wrapped = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    made.neve("build", "-o", tmp_path / "out", wrapped=wrapped)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    modes = {oct(path.stat().st_mode & 0o777) for path in files}
    assert modes <= {"0o644"}
