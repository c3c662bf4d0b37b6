"""Which setting wins, where it came from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.errors import UsageError
from neve.verbs.settings import Settings, known_settings, load_settings


def load(directory: Path, *, env: dict[str, str] | None = None, **flags: object) -> Settings:
    environment = {"HOME": str(directory / "home"), **(env or {})}
    return load_settings(flags, environment=environment, directory=directory)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project below a directory with settings, and a user with settings."""
    (tmp_path / "neve.toml").write_text('jobs = 3\nengine = "podman"\n')
    user = tmp_path / "home" / ".config" / "neve"
    user.mkdir(parents=True)
    (user / "neve.toml").write_text('jobs = 4\nengine = "docker"\nmax_index_age = 60\n')
    (tmp_path / "project" / "deep").mkdir(parents=True)
    return tmp_path


def test_flag_then_environment_then_nearest_file_then_users(place: Path) -> None:
    flags = load(place, env={"NEVE_JOBS": "2"}, jobs=1)
    assert (flags.jobs, flags.origins["jobs"]) == (1, "flag")
    environment = load(place, env={"NEVE_JOBS": "2"})
    assert (environment.jobs, environment.origins["jobs"]) == (2, "environment")
    nearest = load(place)
    assert (nearest.jobs, nearest.origins["jobs"]) == (3, str(place / "neve.toml"))
    assert nearest.max_index_age == 60
    assert nearest.origins["max_index_age"].endswith(".config/neve/neve.toml")
    assert nearest.origins["offline"] == "default"


def test_a_flag_that_was_not_given_does_not_win(place: Path) -> None:
    assert load(place, jobs=None, offline=None).jobs == 3


def test_the_nearest_file_upwards_is_the_only_one(tmp_path: Path) -> None:
    deep = tmp_path / "project" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "neve.toml").write_text("jobs = 3\nmax_index_age = 9\n")
    (tmp_path / "project" / "neve.toml").write_text("jobs = 5\n")
    settings = load_settings({}, environment={"HOME": "/nonexistent"}, directory=deep)
    assert settings.jobs == 5
    assert settings.max_index_age == 0


def test_the_users_file_is_found_where_xdg_says(tmp_path: Path) -> None:
    (tmp_path / "config" / "neve").mkdir(parents=True)
    (tmp_path / "config" / "neve" / "neve.toml").write_text("jobs = 7\n")
    assert load(tmp_path, env={"XDG_CONFIG_HOME": str(tmp_path / "config")}).jobs == 7


def test_mirrors_are_joined_alias_by_alias(place: Path) -> None:
    (place / "neve.toml").write_text('[mirrors]\ndebian = "https://near.example/debian/"\n')
    (place / "home/.config/neve/neve.toml").write_text(
        '[mirrors]\ndebian = "https://far.example"\ncorp = ["https://a.example", "http://b.example"]\n'
    )
    settings = load(place)
    assert settings.mirrors == {
        "debian": ("https://near.example/debian",),
        "corp": ("https://a.example", "http://b.example"),
    }
    assert settings.origins["mirrors.debian"] == str(place / "neve.toml")


def test_paths_in_a_file_are_from_where_the_file_lies(place: Path) -> None:
    (place / "neve.toml").write_text('store = "cache/store"\nca_file = "/etc/ca.pem"\n')
    settings = load_settings({}, environment={"HOME": "/nonexistent"}, directory=place / "project")
    assert settings.store == place / "cache" / "store"
    assert settings.ca_file == Path("/etc/ca.pem")


def test_paths_given_otherwise_are_from_where_one_stands(place: Path) -> None:
    assert load(place, env={"NEVE_STORE": "near"}).store == place / "near"
    assert load(place, store=Path("flag")).store == place / "flag"


def test_the_default_store_is_the_users_cache(tmp_path: Path) -> None:
    settings = load(tmp_path, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert tmp_path in settings.store.parents
    assert settings.origins["store"] == "default"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("No", False)]
)
def test_truth_has_several_words_in_the_environment(tmp_path: Path, text: str, value: bool) -> None:
    assert load(tmp_path, env={"NEVE_OFFLINE": text}).offline is value


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, env={"NEVE_OFFLINE": "", "NEVE_JOBS": ""}).jobs is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("jobs = 0", "jobs"),
        ("jobs = true", "jobs"),
        ("jobs = 1.5", "jobs"),
        ('jobs = "two"', "jobs"),
        ("max_index_age = -1", "max_index_age"),
        ('offline = "perhaps"', "offline"),
        ("offline = 1", "offline"),
        ('engine = "runc"', "engine"),
        ("store = 5", "store"),
        ('mirrors = "http://x.example"', "mirrors"),
        ('[mirrors]\ndebian = "ftp://x.example"', "mirrors.debian"),
        ("[mirrors]\ndebian = [1]", "mirrors.debian"),
        ("[mirrors]\ndebian = 1", "mirrors.debian"),
        ('pacakges = ["x"]', "pacakges"),
        ("jobs = ", "neve.toml"),
        ("jobs = 1\njobs = 2", "neve.toml"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(
    tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "neve.toml").write_text(line + "\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert said in caught.value.brief
    assert "neve.toml" in caught.value.brief
    assert caught.value.resolution


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "neve.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not readable as settings"):
        load(tmp_path)


def test_every_setting_has_a_description_and_a_place(tmp_path: Path) -> None:
    settings = load(tmp_path)
    for name, text in known_settings().items():
        assert text
        assert hasattr(settings, name)
        assert settings.origins[name]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ('plain_http = "a:5000, b"', ("a:5000", "b")),
        ('plain_http = ["a:5000", "b"]', ("a:5000", "b")),
        ("plain_http = []", ()),
    ],
)
def test_registries_without_tls_are_listed(
    tmp_path: Path, text: str, hosts: tuple[str, ...]
) -> None:
    (tmp_path / "neve.toml").write_text(text)
    assert load_settings({}, environment={}, directory=tmp_path).plain_http == hosts


@pytest.mark.parametrize(
    "text", ["plain_http = 5", 'plain_http = ["http://a"]', "plain_http = [5]"]
)
def test_what_is_no_list_of_registries(tmp_path: Path, text: str) -> None:
    (tmp_path / "neve.toml").write_text(text)
    with pytest.raises(UsageError, match="plain_http"):
        load_settings({}, environment={}, directory=tmp_path)
