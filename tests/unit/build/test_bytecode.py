"""What a build says where Python can't be compiled."""

from __future__ import annotations

from neve.build.bytecode import not_compiled
from neve.errors import ExitCode, ToolError


def test_a_missing_sandbox_is_told_with_the_way_to_do_without_it() -> None:
    cause = ToolError(
        "the program 'bwrap' is not installed",
        details=("searched: /usr/bin",),
        resolution="Install the package 'bubblewrap' and try again.",
    )

    told = not_compiled(cause)

    assert told.exit_code is ExitCode.TOOL
    assert told.brief == "Python can't be byte-compiled here: the program 'bwrap' is not installed"
    assert told.details == cause.details
    assert "Install the package 'bubblewrap'" in told.resolution
    assert "`bytecode: false`" in told.resolution
