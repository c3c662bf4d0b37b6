"""What people see: progress of whatever takes long, errors that read well, colours on request."""

from __future__ import annotations

import io
import time

import pytest

from neve.cli.console import Console, TerminalProgress, make_console, show_error
from neve.errors import DeniedError, Place, SourceError


def console(*, quiet: bool = False, **changes: object) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    made = Console(out=out, err=err, quiet=quiet, **changes)  # type: ignore[arg-type]  # a test's own words
    return made, out, err


def error() -> DeniedError:
    return DeniedError(
        "no effect is known for the maintainer scripts of frobnicated, and of quite a few others",
        details=("line 7: " + "x" * 100,),
        resolution="Trace them, or answer for them in the recipe:\nacknowledged:\n  - script: a",
        docs="howto/trace-effects.md",
    )


def test_an_error_names_cause_evidence_and_next_step() -> None:
    made, out, err = console()
    show_error(made, error())
    lines = err.getvalue().splitlines()
    assert lines[0].startswith("error: no effect is known")
    assert lines[0].endswith("others")
    assert lines[1] == "  line 7: " + "x" * 100
    assert lines[2] == "next: Trace them, or answer for them in the recipe:"
    assert lines[3:5] == ["acknowledged:", "  - script: a"]
    assert lines[5].startswith("see:")
    assert out.getvalue() == ""


def test_on_a_terminal_a_long_cause_is_broken_between_words_and_evidence_is_not() -> None:
    made, _, err = console(error_width=50)
    show_error(made, error())
    lines = err.getvalue().splitlines()
    assert len(lines[0]) <= 50
    assert lines[1].startswith("       ")
    assert "  line 7: " + "x" * 100 in lines
    assert "  - script: a" in lines


def test_an_error_is_a_document_too_where_documents_were_asked_for() -> None:
    import json

    made, out, err = console(format="json")
    place = Place(file="neve.yaml", line=3, column=5)
    show_error(made, SourceError("unknown key 'pakages'", place=place, resolution="packages?"))
    found = json.loads(out.getvalue())
    assert (found["kind"], found["exit_code"]) == ("error", 2)
    assert found["place"] == {"file": "neve.yaml", "line": 3, "column": 5}
    assert "neve.yaml:3:5" in err.getvalue()


def test_colour_is_only_added() -> None:
    plain, _, without = console()
    painted, _, coloured = console(colour=True)
    show_error(plain, error())
    show_error(painted, error())
    assert "\x1b[1;31merror:\x1b[0m" in coloured.getvalue()
    assert "\x1b" not in without.getvalue()


def test_nothing_is_coloured_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert make_console(environment={}).colour is False


@pytest.mark.parametrize(("variables", "width"), [({}, 120), ({"COLUMNS": "72"}, 72)])
def test_results_off_a_terminal_have_a_fixed_width_unless_told(
    variables: dict[str, str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert make_console(environment=variables).width == width


def shown(err: io.StringIO, text: str, *, seconds: float = 4.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if text in err.getvalue():
            return True
        time.sleep(0.02)
    return False


def test_a_stage_that_counts_nothing_is_seen_while_it_lasts() -> None:
    made, _, err = console()
    progress = TerminalProgress(made, interactive=False)
    progress.stage("byte-compiling")
    assert err.getvalue() == ""
    assert shown(err, "byte-compiling …\n")
    progress.close()
    assert err.getvalue().count("byte-compiling") == 1


def test_on_a_terminal_it_shows_the_time_and_is_taken_away() -> None:
    made, _, err = console()
    progress = TerminalProgress(made, interactive=True)
    progress.stage("testing")
    assert shown(err, "\r\x1b[Ktesting: 1 s")
    progress.close()
    assert err.getvalue().endswith("\r\x1b[K")


def test_what_is_over_at_once_is_not_shown() -> None:
    made, _, err = console()
    progress = TerminalProgress(made, interactive=True)
    progress.stage("indexes")
    progress.advance(1, "debian:trixie")
    progress.stage("packages", 10)
    progress.advance(10, "libc6")
    progress.close()
    assert err.getvalue() == ""


def test_a_share_of_the_whole_is_shown_where_the_whole_is_known() -> None:
    made, _, err = console()
    progress = TerminalProgress(made, interactive=True)
    progress.stage("packages", 200)
    progress.advance(50, "libc6")
    assert shown(err, "packages:  25 % libc6")
    progress.close()


def test_quiet_means_quiet() -> None:
    made, _, err = console(quiet=True)
    progress = TerminalProgress(made, interactive=True)
    progress.stage("testing")
    time.sleep(0.8)
    progress.advance(1, "x")
    progress.note("a note")
    progress.close()
    assert err.getvalue() == ""


def test_no_name_in_an_error_drives_the_terminal() -> None:
    made, _, err = console()
    name = "\x1b]0;owned\x07\u202egnp\udce9"
    show_error(made, DeniedError(name, details=(f"a\tb\n{name}",), resolution=f"Rename {name}."))
    text = err.getvalue()
    text.encode("utf-8")
    assert {char for char in text if not char.isprintable()} == {"\n"}
    assert "  a       b\n  \\x1b]0;owned" in text
