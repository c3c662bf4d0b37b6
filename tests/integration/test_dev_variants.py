"""Multi-stage Dockerfiles on dev variants, built by buildah, run from the hardened images.

What needs the network says so: packages from the archive as this machine reaches it, Python's and
Node's from their registries. Nothing of this machine's settings gets into an image.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.images import Works

from neve.archive import Mirrors
from neve.build.development import sources_of
from neve.contract.configured import subject_from
from neve.contract.rootfs import materialise
from neve.distro import Release, find_distro
from neve.oci.layout_source import open_image
from neve.oci.pack import store_reader
from neve.oci.read_tree import read_tree
from neve.recipe.read import read_recipe
from neve.sandbox.bubblewrap import Bubblewrap
from neve.sandbox.scratch import remove_tree
from neve.store import Store
from neve.tree import Tree
from neve.verbs.places import catalogue_file

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="buildah without a user namespace needs root"),
]
Build = Callable[..., Path]

INSTALLED = """\
RUN apt-get update && apt-get install -y --no-install-recommends libyaml-dev less
RUN dpkg --audit && dpkg --configure -a && apt-get check && \\
    dpkg-query -W -f '${db:Status-Status}\\n' libyaml-dev libc6 | sort -u | grep -qx installed
RUN printf '#include <stdio.h>\\n#include <yaml.h>\\nint main(void) { puts("linked"); }' \\
    > yaml.c && gcc yaml.c -lyaml -o /usr/bin/yaml && yaml
"""
PYTHON = """\
RUN python3 -m venv /opt/app && /opt/app/bin/pip install --no-cache-dir \\
    --no-binary :all: markupsafe==3.0.2
FROM {runtime}
COPY --from=build /opt/app /opt/app
ENTRYPOINT ["/opt/app/bin/python", "-c", "from markupsafe import _speedups as s; print(s.__file__)"]
"""
NODE = """\
WORKDIR /opt/node
RUN npm install --no-audit --no-fund --no-update-notifier left-pad@1.3.0
"""
COMPILED = """\
COPY . /src
WORKDIR /src/java
RUN javac -d /opt/app Sum.java && mvn --version
WORKDIR /src/ruby
RUN ruby extconf.rb && make && gem build answer.gemspec && bundle install --local && \\
    gem install --local --no-document --install-dir /opt/gems answer-1.0.gem
WORKDIR /src/php
RUN phpize && ./configure && make && composer --version
WORKDIR /src/cc
RUN cmake -B out -DCMAKE_BUILD_TYPE=Release && cmake --build out
RUN mkdir -p /opt/node
FROM {runtime}
COPY --from=build /opt/app /opt/app
COPY --from=build /opt/gems /opt/gems
COPY --from=build /opt/node /opt/node
COPY --from=build /src/php/modules/answer.so /opt/answer.so
COPY --from=build /src/cc/out/app /usr/bin/app
ENV GEM_PATH=/opt/gems
"""
RUN = {
    "java": ("/usr/bin/java", "-cp", "/opt/app", "Sum"),
    "ruby": ("/usr/bin/ruby", "-e", "gem 'answer'; require 'answer'; puts ANSWER"),
    "php": ("/usr/sbin/php-fpm8.4", "-n", "-d", "extension=/opt/answer.so", "-m"),
    "cc": ("/usr/bin/app",),
    "node": (
        "/usr/bin/node",
        "-e",
        "console.log(require('/opt/node/node_modules/left-pad')(42, 5))",
    ),
}
FILES = {
    "java/Sum.java": "class Sum { public static void main(String[] a) "
    "{ System.out.println(19 + 23); } }\n",
    "ruby/answer.c": "#include <ruby.h>\n"
    'void Init_answer(void) { rb_define_global_const("ANSWER", INT2FIX(42)); }\n',
    "ruby/extconf.rb": "require 'mkmf'\ncreate_makefile 'answer'\n",
    "ruby/answer.gemspec": "Gem::Specification.new do |s|\n"
    "  s.name, s.version, s.summary, s.authors = 'answer', '1.0', 'An answer', ['Nobody']\n"
    "  s.files, s.extensions = ['answer.c', 'extconf.rb'], ['extconf.rb']\nend\n",
    "ruby/Gemfile": "gemspec\n",
    "php/config.m4": "PHP_NEW_EXTENSION(answer, answer.c, yes)\n",
    "php/answer.c": '#include "php.h"\n'
    "zend_module_entry answer_module_entry = { STANDARD_MODULE_HEADER, "
    '"answer", NULL, NULL, NULL, NULL, NULL, NULL, "42", STANDARD_MODULE_PROPERTIES };\n'
    "ZEND_GET_MODULE(answer)\n",
    "cc/CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(app CXX)\n"
    "find_package(OpenSSL REQUIRED)\nadd_executable(app main.cc)\n"
    "target_link_libraries(app OpenSSL::Crypto)\n",
    "cc/main.cc": "#include <iostream>\n#include <openssl/crypto.h>\n"
    "int main() { std::cout << OpenSSL_version(OPENSSL_VERSION) << std::endl; }\n",
}


def reachable(address: str) -> bool:
    """Whether this machine connects to the host of ``address``."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with suppress(OSError), socket.create_connection((parts.hostname, port), timeout=5):
        return True
    return False


def authorities() -> str:
    """The CA bundle that this machine trusts: a proxy's too, if it has one."""
    return os.environ.get("SSL_CERT_FILE") or str(ssl.get_default_verify_paths().cafile)


def sources(release: Release) -> str:
    """The dev variant's own sources file with the mirrors that this machine uses."""
    mirrors = Mirrors.of_host(release=release)
    text = sources_of(Tree(), release, "amd64")
    for suite in release.suites:
        host = release.host(suite.alias, "amd64")
        if suite.default and host is not None:
            text = text.replace(host.urls[0] + "\n", mirrors.urls(suite.alias, "amd64")[0] + "\n")
    return text


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """buildah with a storage of its own."""
    place = tmp_path_factory.mktemp("buildah")
    base = ["buildah", "--root", f"{place}/root", "--runroot", f"{place}/run"]
    base += ["--storage-driver", "overlay"]
    yield base
    subprocess.run([*base, "rm", "--all"], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", str(place)], check=False)


@pytest.fixture
def build(works: Works, buildah: list[str], tmp_path: Path) -> Build:
    """Build a Dockerfile on a recipe's dev variant: a docker-archive of the image."""

    def built(recipe: str | Path, dockerfile: str, files: dict[str, str] | None = None) -> Path:
        places = {}
        for variant in ("dev", "runtime"):
            places[variant] = f"oci:{tmp_path}/{variant}:latest"
            works.build(recipe, tmp_path / variant, "--variant", variant)
        context = tmp_path / "context"
        context.mkdir()
        for path, content in (files or {}).items():
            (context / path).parent.mkdir(exist_ok=True)
            (context / path).write_text(content)
        text = dockerfile.replace("{runtime}", places["runtime"])
        (context / "Dockerfile").write_text(f"FROM {places['dev']} AS build\n{text}")
        listed = tmp_path / "debian.sources"
        listed.write_text(sources(find_distro("debian", "13")))
        words = ["bud", "--isolation", "chroot", "--network", "host", "--layers=false"]
        words += ["--volume", f"{listed}:/etc/apt/sources.list.d/debian.sources:ro"]
        words += ["--volume", f"{authorities()}:/etc/ssl/certs/ca-certificates.crt:ro"]
        run([*buildah, *words, "--quiet", "--tag", "app", str(context)])
        archive = tmp_path / "out.tar"
        run([*buildah, "push", "--quiet", "app", f"docker-archive:{archive}"])
        return archive

    return built


def run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@contextmanager
def started(archive: Path, directory: Path) -> Iterator[Callable[..., str]]:
    """Runs programs of the image at ``archive`` as its own user on a read-only root; without a
    command its own.
    """
    root = directory / "root"
    root.mkdir(mode=0o700)
    try:
        with Store.open(directory / "store") as store:
            source = open_image(archive)
            tree = read_tree(source, store)
            subject = subject_from("app", tree, store_reader(store), source.configuration)
            materialise(tree, subject.read, root)
        assert subject.image.uid == 65532
        assert tree.locate("/bin/sh") is None
        assert tree.locate("/usr/bin/apt-get") is None
        with Bubblewrap.probe().pod() as pod:
            container = pod.add(replace(subject.image, root=root), name="app")

            def output(*command: str) -> str:
                done = container.run(command or subject.argv)
                assert done.exit_code == 0, done
                return done.stdout.decode()

            yield output
    finally:
        remove_tree(root)


def test_python_and_packages_of_the_archive(build: Build, tmp_path: Path) -> None:
    release = find_distro("debian", "13")
    archive = Mirrors.of_host(release=release).urls(release.suites[0].alias, "amd64")[0]
    if not reachable(archive) or not reachable("https://pypi.org"):
        pytest.skip("the archive or pypi.org is out of reach")
    image = build("catalogue/debian-13/dev/python.yaml", INSTALLED + PYTHON)
    with started(image, tmp_path) as output:
        assert output().startswith("/opt/app/lib/python3.13/site-packages/markupsafe/_speedups")


def test_what_five_languages_build_runs_without_their_tools(
    works: Works, build: Build, tmp_path: Path
) -> None:
    """One image with what the catalogue's five hold: loading five takes longer than all else."""
    names = ("java", "ruby", "php-fpm", "cc", "node")
    online = reachable("https://registry.npmjs.org")
    paths = [catalogue_file(f"debian-13/dev/{name}") for name in names]
    recipes = [read_recipe(path, catalogue=catalogue_file).recipe for path in paths]
    held = {request.name for recipe in recipes for request in recipe.packages}
    more = {
        request.name
        for recipe in recipes
        for variant in recipe.variants
        if variant.kind == "dev"
        for request in variant.packages
    }
    text = (
        "schema_version: 1\nname: many\ndistribution: debian\nrelease: '13'\n"
        f"packages: [{', '.join(sorted(held))}]\n"
        f"variants: {{dev: {{packages: [{', '.join(sorted(more))}]}}}}\n"
    )
    image = build(works.recipe("many", text), (NODE if online else "") + COMPILED, FILES)
    with started(image, tmp_path) as output:
        assert output(*RUN["java"]) == "42\n"
        assert output(*RUN["ruby"]) == "42\n"
        assert "\nanswer\n" in output(*RUN["php"])
        assert output(*RUN["cc"]).startswith("OpenSSL 3.")
        if not online:
            pytest.skip("registry.npmjs.org is out of reach: only Node was not tried")
        assert output(*RUN["node"]) == "   42\n"
