"""What can go wrong, as data.

The library raises these; only ``cli`` (and later ``web``) renders them. A subclass takes
domain values and builds its own text. Every error names the cause (``brief``), may carry the
evidence (``details``) and always the next step (``resolution``).

    NeveError                      exit code
    ├── UsageError                 2   the caller's words or files are wrong
    │   ├── FieldError             2   … in a recipe's field, its place in the file to be found
    │   └── SourceError            2   … and the place is known: file, line, column
    ├── ToolError                  3   tool, network, feed or store failed: nothing is known
    │   ├── TrustError             3   a signature, hash, date or name did not hold
    │   ├── HostileInputError      3   an archive, image or index that no honest tool writes
    │   └── StoreError             3   the local store could not be read or written
    ├── FindingsError              1   the work was done and found something at the threshold
    └── DeniedError                4   a rule or policy says no
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The process's exit codes; a crash never looks like "no findings"."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    TOOL = 3
    DENIED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point in a file a person wrote; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class NeveError(Exception):
    """Base of every error neve raises on purpose.

    ``brief`` is one line naming the cause, ``details`` the evidence (lines), ``resolution``
    the next step a person can take, ``docs`` a page of the documentation.
    """

    exit_code: ExitCode = ExitCode.TOOL

    def __init__(
        self,
        brief: str,
        *,
        resolution: str,
        details: tuple[str, ...] = (),
        docs: str | None = None,
    ) -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.resolution = resolution
        self.docs = docs


class UsageError(NeveError):
    """The request or a file the caller wrote is wrong."""

    exit_code = ExitCode.USAGE


class FieldError(UsageError):
    """A field of a recipe asks for what cannot be; ``field`` is its name, as ``run.user``."""

    def __init__(self, brief: str, *, field: str, resolution: str) -> None:
        super().__init__(f"{field}: {brief}", resolution=resolution)
        self.field = field


class SourceError(UsageError):
    """A file the caller wrote is wrong at a known place."""

    def __init__(
        self,
        brief: str,
        *,
        place: Place,
        resolution: str,
        details: tuple[str, ...] = (),
        docs: str | None = None,
    ) -> None:
        super().__init__(f"{place}: {brief}", resolution=resolution, details=details, docs=docs)
        self.place = place


class ToolError(NeveError):
    """A tool, the network or a feed failed, so nothing was judged."""

    exit_code = ExitCode.TOOL


class TrustError(ToolError):
    """A signature, hash, date or name in the chain of trust did not hold."""


class HostileInputError(ToolError):
    """Input of a shape that no honest tool writes: refused whole."""


class StoreError(ToolError):
    """The local store could not be read or written."""


class FindingsError(NeveError):
    """The work was done and found something at or above the threshold."""

    exit_code = ExitCode.FINDINGS


class DeniedError(NeveError):
    """A hardening rule or a policy says no."""

    exit_code = ExitCode.DENIED
