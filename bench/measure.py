"""Measuring whole processes: wall time and peak memory, medians of interleaved runs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run: wall seconds, processor seconds and peak resident bytes of the process tree's
    largest member.
    """

    seconds: float
    processor: float
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One command of a comparison. ``prepare`` runs before each sample, outside the clock."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] | None = None
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A contestant's samples."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def seconds(self) -> float:
        """Median wall time."""
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def peak(self) -> int:
        """Median peak memory in bytes."""
        return int(statistics.median(sample.peak for sample in self.samples))


def run_once(contestant: Contestant) -> Sample:
    """Run a contestant once; a failure ends the benchmark with what it printed."""
    if contestant.prepare is not None:
        contestant.prepare()
    environment = {**os.environ, **(contestant.environment or {})}
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(contestant.argv), stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            sys.stderr.write(output.read().decode(errors="replace")[-4000:])
            raise SystemExit(f"bench: {contestant.name} failed ({process.returncode})")
    return Sample(
        seconds=seconds,
        processor=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss * 1024,
    )


def compare(contestants: Sequence[Contestant], *, rounds: int) -> tuple[Result, ...]:
    """Run all contestants ``rounds`` times, taking turns, so that noise meets them alike."""
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    for turn in range(rounds):
        for contestant in contestants:
            sample = run_once(contestant)
            samples[contestant.name].append(sample)
            sys.stderr.write(f"  {turn + 1}/{rounds} {contestant.name}: {sample.seconds:.2f} s\n")
    return tuple(Result(name=name, samples=tuple(found)) for name, found in samples.items())


def neve() -> str:
    """The neve of the environment that runs the benchmark."""
    return str(Path(sys.executable).parent / "neve")
