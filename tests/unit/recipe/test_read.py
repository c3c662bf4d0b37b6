"""Reading a recipe: what a person may write, and what each slip says back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.archive import SigningKey

from neve.errors import SourceError, UsageError
from neve.model import Platform, sha256_of
from neve.recipe.read import read_recipe
from neve.recipe.types import PackageRequest, ReadRecipe

HEAD = "distribution: debian\nrelease: 13\n"


def read(tmp_path: Path, body: str, name: str = "app.yaml") -> ReadRecipe:
    path = tmp_path / name
    path.write_text(HEAD + body, encoding="utf-8")
    return read_recipe(path)


def refused(tmp_path: Path, body: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, body)
    return caught.value


def test_smallest_recipe(tmp_path: Path) -> None:
    result = read(tmp_path, "")
    assert result.recipe.name == "app"
    assert (result.recipe.base.name, result.recipe.base.release) == ("debian", "13")
    assert result.recipe.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert [source.path for source in result.sources] == ["app.yaml"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("python3", PackageRequest(name="python3")),
        ('"libpq5=17.*"', PackageRequest(name="libpq5", version="17.*")),
        ("git/backports", PackageRequest(name="git", release="backports")),
        ('"libc6:i386"', PackageRequest(name="libc6", architecture="i386")),
        ("g++-14=4:14.2.0-1", PackageRequest(name="g++-14", version="4:14.2.0-1")),
        ("{name: curl, version: 8.10}", PackageRequest(name="curl", version="8.10")),
    ],
)
def test_package_short_and_long_forms(tmp_path: Path, text: str, wanted: PackageRequest) -> None:
    assert read(tmp_path, f"packages: [{text}]\n").recipe.packages == (wanted,)


def test_release_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "u.yaml"
    path.write_text("distribution: ubuntu\nrelease: 24.10\n")
    assert read_recipe(path).recipe.base.release == "24.10"


def test_no_is_text_and_not_false(tmp_path: Path) -> None:
    body = "run: {environment: {COUNTRY: no, YES: yes}}\n"
    assert read(tmp_path, body).recipe.run.environment == (("COUNTRY", "no"), ("YES", "yes"))


@pytest.mark.parametrize(
    ("body", "line", "column", "says", "hint"),
    [
        ("pakages: [x1]\n", 3, 1, "unknown key", "packages"),
        ("run: {usr: app}\n", 3, 7, "unknown key", "user"),
        ("run:\n  entrypoint: python3 -m app\n", 4, 15, "expected a list", "exec form"),
        ("bytecode: yes\n", 3, 11, "true or false", "true or false"),
        ("packages: [Python3]\n", 3, 12, "package request", "python3"),
        ('packages: ["a1 (>= 2)"]\n', 3, 12, "package request", "Pin with one ="),
        ("files:\n  /etc/x: {content: a, mode: 644}\n", 4, 30, "mode", '"0644"'),
        ("files:\n  /etc/x: {content: a, mode: 0o755}\n", 4, 30, "mode", '"0755"'),
        ('files:\n  /etc/x: {content: a, mode: "888"}\n', 4, 30, "mode", '"0644"'),
        ("files:\n  etc/x: {content: a}\n", 4, 3, "path in the image", "/etc/x"),
        ("files:\n  /etc/../x: {content: a}\n", 4, 3, "path in the image", "/x"),
        ("files:\n  /etc/x: {content: a, link: b}\n", 4, 11, "exactly one", "one"),
        ("run: {ports: [70000]}\n", 3, 15, "not a port", "65535"),
        ("run: {ports: [80/http]}\n", 3, 15, "not a port", "53/udp"),
        ("run: {stop_signal: TERM}\n", 3, 20, "signal", "SIGTERM"),
        ("run: {health_check: {command: [x], interval: 30}}\n", 3, 46, "duration", "30s"),
        ('run: {health_check: {command: [x], interval: "30"}}\n', 3, 46, "duration", "30s"),
        ("platforms: [x86_64]\n", 3, 13, "platform", "linux/amd64"),
        ("snapshot: 2026-11-01\n", 3, 11, "archive time", "20261101T000000Z"),
        ("snapshot: 20261301T000000Z\n", 3, 11, "archive time", ""),
        ("accounts: {users: {App: {}}}\n", 3, 20, "account name", "app"),
        ("accounts: {users: {app: {uid: 0}}}\n", 3, 31, "user id", "from 1"),
        ("accounts: {users: {app: {uid: 65535}}}\n", 3, 31, "user id", ""),
        ("loosened: [{rule: no-shell}]\n", 3, 12, "reason is missing", "Add reason: why"),
        ('loosened: [{rule: no-shell, reason: " "}]\n', 3, 37, "reason", ""),
        ("variants: {runtime: {}}\n", 3, 11, "the recipe itself", "debug"),
        ("packages: [a1, a1]\n", 3, 16, "asked for twice", "packages[0]"),
        ("packages: [a1]\nexclude: [a1]\n", 3, 12, "excluded as well", ""),
        ("name: My App\n", 3, 7, "image name", "my app"),
        ("exclude:\n", 3, 1, "expected a list", ""),
        ("title: [a]\n", 3, 8, "expected one line of text", ""),
        ("title: ~\n", 3, 8, "found nothing", "remove the key"),
        ("keep: [usr/share]\n", 3, 8, "path pattern", "/usr/share"),
        ("repositories: [{name: a, url: 'https://u:p@h/x'}]\n", 3, 31, "address", "netrc"),
        ("repositories: [{name: a, url: 'https://h/x'}]\n", 3, 16, "keyring", "beside the recipe"),
        ("release: 12\n", 3, 1, "stands twice", "line 2"),
        ("title: !!python/object:os.system x\n", 3, 8, "tags are not allowed", ""),
        ("<<: {title: a}\n", 3, 1, "merge keys", "extends"),
        ("? [a]\n: b\n", 3, 3, "as a key", ""),
        ("run: {workdir: &w /a, volumes: [*x]}\n", 3, 33, "anchor", ""),
        ("run: {environment: {A: true}}\n", 3, 24, "boolean", '"true"'),
        ("run: {environment: {A: }}\n", 3, 21, "nothing", ""),
        ("title: 'open\n", 4, 1, "not YAML", ""),
    ],
)
def test_each_slip_names_its_place_and_the_way_out(
    tmp_path: Path, body: str, line: int, column: int, says: str, hint: str
) -> None:
    error = refused(tmp_path, body)
    assert (error.place.line, error.place.column) == (line, column), error.brief
    assert says in error.brief
    assert hint in error.resolution
    assert error.brief.startswith(f"{tmp_path / 'app.yaml'}:{line}:{column}: ")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, "pakages: []\nrun: {usr: a, ports: [0]}\nbytecode: maybe\n")
    told = [error.brief, *error.details]
    assert len(told) == 4
    assert [":3:1:" in told[0], ":4:7:" in told[1], ":4:23:" in told[2], ":5:11:" in told[3]]
    assert "Did you mean user?" in error.details[0]


def test_missing_distribution(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("title: x\n")
    with pytest.raises(SourceError, match="distribution is missing") as caught:
        read_recipe(path)
    assert any("release is missing" in detail for detail in caught.value.details)


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_recipe(tmp_path / "none.yaml")


def test_everything_in_its_place(tmp_path: Path) -> None:
    result = read(tmp_path, "packages: [a1,\n  b1]\nrun:\n  user: app\n")
    assert result.places["packages[1]"].line == 4
    assert (result.places["run.user"].line, result.places["run.user"].column) == (6, 9)


def test_name_of_neve_yaml_is_the_directory(tmp_path: Path) -> None:
    (tmp_path / "My App").mkdir()
    assert read(tmp_path / "My App", "", "neve.yaml").recipe.name == "my-app"


def test_a_tree_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "sub" / "run").write_text("#!/x")
    (tmp_path / "app" / "sub" / "run").chmod(0o777)
    (tmp_path / "app" / "z").write_text("z")
    (tmp_path / "app" / "z").chmod(0o600)
    (tmp_path / "app" / "link").symlink_to("sub/run")
    result = read(
        tmp_path, "files: {/opt/app: {source: ./app, owner: 7}, /opt/app/z: {content: w}}\n"
    )
    seen = [(f.path, f.mode, f.link, f.directory, f.owner) for f in result.recipe.files]
    assert seen == [
        ("/opt/app", 0o755, None, True, "7"),
        ("/opt/app/link", None, "sub/run", False, "7"),
        ("/opt/app/sub", 0o755, None, True, "7"),
        ("/opt/app/sub/run", 0o755, None, False, "7"),
        ("/opt/app/z", 0o644, None, False, "root"),
    ]
    assert result.contents[sha256_of(b"#!/x")] == b"#!/x"
    assert [source.path for source in result.sources] == ["app.yaml", "app/"]


@pytest.mark.parametrize("kind", ["dotdot", "link", "inner", "absolute", "pipe", "missing", "self"])
def test_sources_stay_inside_the_recipes_directory(tmp_path: Path, kind: str) -> None:
    import os

    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_text("s")
    named = {"dotdot": "../secret", "absolute": str(tmp_path / "secret"), "self": "x/.."}
    (home / "x").mkdir()
    if kind == "link":
        (home / "link").symlink_to("../secret")
    elif kind == "inner":
        (home / "inner").mkdir()
        (home / "inner" / "deep").symlink_to("../../secret")
    elif kind == "pipe":
        os.mkfifo(home / "pipe")
    error = refused(home, f"files: {{/x: {{source: {named.get(kind, kind)}}}}}\n")
    assert error.place.line == 3
    assert "secret" not in error.brief or kind in ("dotdot", "absolute", "inner")


def test_a_billion_laughs_is_refused_quickly(tmp_path: Path) -> None:
    body = "a: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    assert "more than" in str(refused(tmp_path, body).brief) + str(refused(tmp_path, body).details)


def test_deep_nesting_and_size_are_refused(tmp_path: Path) -> None:
    assert "nested deeper" in refused(tmp_path, "title: " + "[" * 5000 + "\n").brief
    with pytest.raises(UsageError, match="larger than"):
        read(tmp_path, "#" * 1_000_001)


def test_an_anchor_saves_writing_something_twice(tmp_path: Path) -> None:
    body = "run: {workdir: &home /srv/app, volumes: [*home]}\n"
    assert read(tmp_path, body).recipe.run.volumes == ("/srv/app",)


def test_a_tree_of_root_leaves_directories_of_the_image_alone(tmp_path: Path) -> None:
    (tmp_path / "root" / "etc" / "empty").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "app.conf").write_text("x")
    result = read(tmp_path, "files: {/: {source: root}}\n")
    assert [(f.path, f.directory) for f in result.recipe.files] == [
        ("/etc/app.conf", False),
        ("/etc/empty", True),
    ]


def test_credentials_never_reach_a_message(tmp_path: Path) -> None:
    error = refused(tmp_path, "repositories: [{name: a, url: 'https://user:hunter2@h/x'}]\n")
    assert "hunter2" not in "".join([error.brief, error.resolution, *error.details])
    assert "netrc" in error.resolution


def test_a_keyring_is_known_by_content_alone(tmp_path: Path) -> None:
    keys = SigningKey.generate().public
    (tmp_path / "k.gpg").write_bytes(keys)
    (tmp_path / "k.gpg").chmod(0o755)
    body = "repositories: [{name: c, url: 'https://h/d/', suite: s, keyring: k.gpg}]\n"
    result = read(tmp_path, body)
    repository = result.recipe.repositories[0]
    assert (repository.keyring, repository.url) == (sha256_of(keys), "https://h/d")
    assert result.contents[sha256_of(keys)] == keys
    assert result.sources[1].executable is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no key"),
        (b"https://deb.example/key.gpg\n", "is no keyring"),
        (SigningKey.generate().public[:-40], "is no keyring"),
        (bytes(SigningKey.generate().secret), "holds a private key"),
    ],
)
def test_a_keyring_without_public_keys_is_refused_at_its_line(
    tmp_path: Path, data: bytes, said: str
) -> None:
    """Not first when the archive is asked, which says nothing of the recipe."""
    (tmp_path / "k.gpg").write_bytes(data)
    body = "repositories:\n  - {name: c, url: 'https://h/d/', suite: s, keyring: k.gpg}\n"
    error = refused(tmp_path, body)
    assert (error.place.line, error.place.column) == (4, 55)
    assert f"k.gpg {said}" in error.brief
    assert "gpg --export" in error.resolution
