"""Services on the command line: added, and refused where an archive can't supervise them."""

from __future__ import annotations

import json

from tests.support.command import RECIPE, Desk

PLAIN = RECIPE.split("variants:", maxsplit=1)[0]


def test_a_service_is_added_with_everything_after_the_dashes(desk: Desk) -> None:
    desk.write("neve.yaml", PLAIN + "run:\n  entrypoint: [/usr/bin/tool]  # the program\n")
    words = ["--port", "8080", "--depends-on", "tool", "--", "/usr/bin/plain", "--quiet", "-x"]
    done = desk.neve("add", "service", "job", *words)
    assert "+  job:" in done.out
    assert "# the program" in (desk.directory / "neve.yaml").read_text()

    again = desk.neve("add", "service", "job", *words[:-3], *words[-3:], "--port", expect=0)
    assert "--port" in again.out
    shown = json.loads(desk.neve("add", "service", "b", "--format", "json", "--", "/b").out)
    assert shown["kind"] == "edit"
    assert shown["changed"] is True


def test_two_services_of_one_name_are_refused_at_the_second(desk: Desk) -> None:
    text = PLAIN + "services:\n  a: {command: [/usr/bin/tool]}\n  a: {command: [/usr/bin/tool]}\n"
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=2)
    assert f"neve.yaml:{text.count(chr(10))}:3: " in done.err
    assert 'key "a" stands twice' in done.err


def test_an_archive_without_the_supervisor_is_named(desk: Desk) -> None:
    text = PLAIN + "services:\n  a: {command: [/usr/bin/tool]}\n"
    desk.write("neve.yaml", text)
    done = desk.neve("lock", expect=2)
    assert f"neve.yaml:{PLAIN.count(chr(10)) + 1}:" in done.err
    assert "no package s6 in the archive" in done.err
    assert "Services are supervised by s6 with execline" in done.err
