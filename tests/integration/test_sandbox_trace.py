"""Tracing hostile maintainer scripts: nothing of this host is theirs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.roots import small_root

from neve.errors import HostileInputError
from neve.sandbox.trace import Tracer, TraceRoot
from neve.sandbox.trace_layers import skeleton_layer
from neve.sandbox.trace_record import PackageLayer, Trace

MISSING = [name for name in ("bwrap", "strace", "unshare", "tar") if shutil.which(name) is None]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts overlays, which needs root here"),
]


def trace(tmp_path: Path, script: str) -> Trace:
    lower = small_root(tmp_path / "lower", ["sh", "cat", "ln", "rm", "mkfifo", "chown"])
    for alias in ("bin", "lib", "lib64"):
        if (lower / alias).is_dir():
            shutil.copytree(lower / alias, lower / "usr" / alias)
            shutil.rmtree(lower / alias)
    skeleton_layer(tmp_path / "skeleton")
    own = tmp_path / "own"
    info = own / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "p.postinst").write_text(f"#!/bin/sh\n{script}\n")
    (info / "p.postinst").chmod(0o755)
    subject = PackageLayer(
        name="p",
        version="1",
        architecture="all",
        directory=own,
        info_name="p",
        scripts=frozenset({"postinst"}),
        triggers=(),
        status=b"Package: p\nVersion: 1\n",
    )
    root = TraceRoot(lowers=(lower, tmp_path / "skeleton"), packages=())
    return Tracer(tmp_path / "scratch", timeout=20.0).trace(subject, root)


def test_a_script_may_do_what_installing_needs(tmp_path: Path) -> None:
    done = trace(tmp_path, "echo hello > /etc/made && chown 65532 /etc/made")
    assert done.failed is None, done.stages[-1].output
    made = next(c for c in done.stages[0].changes if c.path == "/etc/made")
    assert made.after is not None
    assert (made.after.data, made.after.owner) == (b"hello\n", "nonroot")


def test_no_file_of_the_host_is_reached_through_another_process(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    done = trace(
        tmp_path,
        f"for p in /proc/[0-9]*; do cat $p/root{secret} && echo changed > $p/root{secret}; done\n"
        "exit 0",
    )
    assert done.failed is None
    assert "the host's" not in done.stages[0].output
    assert secret.read_text() == "the host's"


@pytest.mark.parametrize("replaced", ["ln -s /etc/passwd /neve/log", "mkfifo /neve/log"])
def test_the_recorders_own_file_is_not_followed(tmp_path: Path, replaced: str) -> None:
    with pytest.raises(HostileInputError, match="the recorders' own file"):
        trace(tmp_path, f"rm /neve/log; {replaced}")
