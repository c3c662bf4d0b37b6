"""What no file of the project may hold: this machine's package hosts, paths of this checkout."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from neve.distro import releases

ROOT = Path(__file__).parents[2]


def official() -> set[str]:
    """Hosts that the product itself names, as the distributions' own."""
    addresses = [
        address
        for release in releases()
        for host in release.hosts
        for address in (*host.urls, host.snapshot or "", host.snapshot_api or "")
    ]
    return {urlsplit(address).hostname or "" for address in addresses}


def tracked() -> list[Path]:
    """Every file under version control."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def apt_hosts(directory: Path) -> Iterator[str]:
    """Hosts of apt's sources, of either form, and of its proxies."""
    for pattern in ("sources.list", "sources.list.d/*", "apt.conf", "apt.conf.d/*"):
        for path in directory.glob(pattern):
            said = re.sub(r"(?m)^\s*(#|//).*$", "", _text(path))
            for address in re.findall(r"https?://[^\s\"';]+", said):
                yield urlsplit(address).hostname or ""


def pip_hosts(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Hosts of pip's and uv's indexes."""
    config = environment.get("PIP_CONFIG_FILE", "")
    for path in (
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        home / ".config" / "pip" / "pip.conf",
        *([Path(config)] if config else []),
    ):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(_text(path))
        except configparser.Error:
            continue
        for section in parser.sections():
            for key in ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy"):
                yield from _hosts(parser.get(section, key, fallback=""))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        yield from _hosts(environment.get(name, ""))


def npm_hosts(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Hosts of npm's registries."""
    for path in (home / ".npmrc", Path("/etc/npmrc"), Path("/usr/etc/npmrc")):
        for line in _text(path).splitlines():
            if "registry" in line.partition("=")[0]:
                yield from _hosts(line.partition("=")[2])
    yield from _hosts(environment.get("NPM_CONFIG_REGISTRY", ""))
    yield from _hosts(environment.get("npm_config_registry", ""))


def _hosts(text: str) -> Iterator[str]:
    for word in text.split():
        yield (urlsplit(word).hostname if "://" in word else word.partition(":")[0]) or ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def configured() -> set[str]:
    """Hosts that this machine's package clients use, less the distributions' own."""
    home = Path.home()
    found = {
        *apt_hosts(Path("/etc/apt")),
        *pip_hosts(home, os.environ),
        *npm_hosts(home, os.environ),
    }
    return {host.lower() for host in found if "." in host} - official()


def test_no_file_names_a_host_of_this_machines_package_clients() -> None:
    hosts = configured()
    if not hosts:
        pytest.skip("this machine's package clients name no hosts of their own")
    naming = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if any(host.encode() in path.read_bytes().lower() for host in hosts)
    ]
    assert naming == []


def test_no_file_names_where_this_checkout_lies() -> None:
    if len(ROOT.parts) < 3:
        pytest.skip("the checkout lies at the root")
    here = re.compile(re.escape(str(ROOT)).encode() + rb"(?![A-Za-z0-9_-])")
    naming = [str(p.relative_to(ROOT)) for p in tracked() if here.search(p.read_bytes())]
    assert naming == []


def test_requirements_are_pinned_with_hashes_and_carry_no_address() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, path.name
        assert not re.search(
            r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.M
        )
        entries = re.split(r"\n(?=[a-z0-9])", "\n".join(_code(text)))
        for entry in entries:
            assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^\s;]+", entry.strip()), entry
            assert "--hash=sha256:" in entry, entry


def _code(text: str) -> list[str]:
    return [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def test_the_wheels_requirements_are_among_the_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    for requirement in project["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        wanted = re.sub(r"[-_.]+", "[-_.]+", name[0])  # PEP 503: all the same name
        assert re.search(rf"^{wanted}==", pinned, re.M | re.I), requirement


def test_apt_sources_of_either_form_are_understood(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    line = "# see https://wiki.example\ndeb [arch=amd64] http://one.example/debian sid main\n"
    (tmp_path / "sources.list").write_text(line)
    (tmp_path / "sources.list.d/a.sources").write_text("Types: deb\nURIs: https://two.example/d\n")
    assert set(apt_hosts(tmp_path)) == {"one.example", "two.example"}


def test_pip_and_npm_settings_are_understood(tmp_path: Path) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://u:p@py.example/s\n"
    )
    (tmp_path / ".npmrc").write_text("registry=https://npm.example/x/\n")
    assert "py.example" in set(pip_hosts(tmp_path, {}))
    assert "npm.example" in set(npm_hosts(tmp_path, {}))
    assert "env.example" in set(
        pip_hosts(tmp_path, {"PIP_INDEX_URL": "https://env.example/simple"})
    )
