"""The ``#!`` line of a script, split as Linux does it (fs/binfmt_script.c, execve(2))."""

from __future__ import annotations

_BUFFER = 256  # BINPRM_BUF_SIZE


def read_shebang(data: memoryview | bytes) -> tuple[str, ...] | None:
    """The absolute interpreter and at most one argument, or ``None`` where the kernel finds none.

    The whole rest of the line is one argument: ``#!/usr/bin/env -S python3 -u`` gives
    ``("/usr/bin/env", "-S python3 -u")``. A relative interpreter counts as none: what it means
    depends on where the script is run.
    """
    head = bytes(data[:_BUFFER])
    if head[:2] != b"#!":
        return None
    line, newline, _ = head[2:].partition(b"\n")
    line = line.partition(b"\0")[0].strip(b" \t")
    words = line.replace(b"\t", b" ").split(b" ", 1)
    cut_short = not newline and len(head) == _BUFFER and len(words) == 1
    if cut_short or not words[0].startswith(b"/"):
        return None
    return tuple(word.decode("utf-8", "replace") for part in words if (word := part.strip(b" ")))
