"""``neve add service``: the edit of the recipe, and what becomes of the program it had."""

from __future__ import annotations

from pathlib import Path

import pytest

from neve.build.rules import changed_rules, rule_versions
from neve.errors import UsageError
from neve.recipe.edits import AddService
from neve.recipe.read import read_recipe
from neve.verbs.add_service import AddServiceRequest, add_service
from neve.verbs.recipes import EditResult

HEAD = "distribution: debian  # ours\nrelease: 13\n"
JOB = AddService(name="job", command=("/usr/bin/python3", "/srv/job.py"))


def add(path: Path, text: str, service: AddService = JOB, *, dry_run: bool = False) -> EditResult:
    path.write_text(text)
    return add_service(AddServiceRequest(recipe=path, service=service, dry_run=dry_run))


def test_a_service_is_three_lines_and_comments_stay(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    result = add(recipe, HEAD)
    assert result.changed
    added = [line for line in result.difference.splitlines() if line.startswith("+ ")]
    assert len(added) <= 3
    assert recipe.read_text().startswith(HEAD)
    (job,) = read_recipe(recipe).recipe.services
    assert (job.name, job.command) == ("job", JOB.command)


def test_the_program_of_the_image_becomes_a_service_beside_it(tmp_path: Path) -> None:
    text = HEAD + "run:\n  entrypoint: [/usr/sbin/nginx]  # serves\n  command: [-e, stderr]\n"
    recipe = tmp_path / "neve.yaml"
    add(recipe, text + "  stop_signal: SIGQUIT\n", AddService(name="job", command=("/x",), port=80))
    read = read_recipe(recipe).recipe
    assert {one.name: one.command for one in read.services} == {
        "job": ("/x",),
        "nginx": ("/usr/sbin/nginx", "-e", "stderr"),
    }
    assert {one.name: one.stop_signal for one in read.services}["nginx"] == "SIGQUIT"
    assert (read.run.entrypoint, read.run.command) == ((), ())
    assert "# serves" in recipe.read_text()


def test_an_inherited_program_becomes_one_too(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    wanted = AddService(name="nginx", command=("/usr/bin/python3",), depends_on=("main",))
    add(recipe, "extends: catalogue:debian-13/nginx\npackages: [python3]\n", wanted)
    from neve.verbs.places import catalogue_file

    read = read_recipe(recipe, catalogue=catalogue_file).recipe
    assert sorted(one.name for one in read.services) == ["main", "nginx"]
    assert read.run.entrypoint == ()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    assert add(recipe, HEAD, dry_run=True).changed
    assert recipe.read_text() == HEAD


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "neve.yaml"
    add(recipe, HEAD)
    assert not add(recipe, recipe.read_text()).changed


@pytest.mark.parametrize(
    ("text", "service", "told"),
    [
        (HEAD, AddService(name="a", command=("x",)), "not an absolute path"),
        (HEAD, AddService(name="A", command=("/x",)), "not a service's name"),
        (HEAD, AddService(name="a", command=("/x",), port=0), "port"),
        (HEAD, AddService(name="a", command=("/x",), restart="maybe"), "restart policy"),
        (HEAD, AddService(name="a", command=("/x",), depends_on=("b",)), "no other service"),
        (HEAD, AddService(name="a", command=("/x",), depends_on=("a",)), "no other service"),
        (HEAD + "run: {entrypoint: [app]}\n", JOB, "no absolute path"),
    ],
)
def test_what_could_not_be_is_refused_and_nothing_written(
    tmp_path: Path, text: str, service: AddService, told: str
) -> None:
    recipe = tmp_path / "neve.yaml"
    with pytest.raises(UsageError) as caught:
        add(recipe, text, service)
    assert told in caught.value.brief
    assert recipe.read_text() == text


def test_only_an_image_with_services_depends_on_how_they_are_made() -> None:
    assert "services" not in dict(rule_versions())
    own = rule_versions(services=True)
    assert "services" in dict(own)
    assert changed_rules(own, services=True) == ()
    assert [name for name, _, _ in changed_rules(rule_versions(), services=True)] == ["services"]
