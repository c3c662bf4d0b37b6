"""The worker with this interpreter, without the sandbox around it."""

from __future__ import annotations

import importlib.util
import json
import marshal
import random
import string
import subprocess
import sys
import types
from pathlib import Path

import pytest

from neve.sandbox import bytecode_worker
from neve.sandbox.bytecode import PythonSource, _shares, cached_path
from neve.sandbox.bytecode_worker import compiled

STDLIB = [Path(module.__file__ or "") for module in (json, random, string, importlib.util)]


def _answers(records: list[tuple[str, int, bytes]]) -> list[tuple[int, bytes]]:
    fed = b""
    for path, mtime, source in records:
        name = path.encode("utf-8", "surrogateescape")
        for number in (len(name), mtime, len(source)):
            fed += number.to_bytes(8, "little")
        fed += name + source
    script = Path(bytecode_worker.__file__).read_text()
    argv = [sys.executable, "-E", "-s", "-S", "-B", "-W", "ignore", "-c", script]
    data = subprocess.run(argv, input=fed, capture_output=True, check=True).stdout
    answers = []
    while data:
        size = int.from_bytes(data[1:9], "little")
        answers.append((data[0], data[9 : 9 + size]))
        data = data[9 + size :]
    return answers


def test_bytecode_is_what_the_import_system_expects() -> None:
    source = b"def f(x):\n    return x + 1\n"
    (_, tag), (status, pyc) = _answers([("/usr/lib/m.py", 1_700_000_000, source)])
    assert tag.decode() == sys.implementation.cache_tag
    assert status == 0
    assert pyc[:4] == importlib.util.MAGIC_NUMBER
    assert pyc[4:8] == bytes(4)
    assert int.from_bytes(pyc[8:12], "little") == 1_700_000_000
    assert int.from_bytes(pyc[12:16], "little") == len(source)
    code = marshal.loads(pyc[16:])
    assert isinstance(code, types.CodeType)
    assert code.co_filename == "/usr/lib/m.py"


def test_the_bytes_do_not_depend_on_order_or_company() -> None:
    records = [(f"/lib/{path.name}", 7, path.read_bytes()) for path in STDLIB]
    forward = dict(zip([r[0] for r in records], _answers(records)[1:], strict=True))
    backward = dict(zip([r[0] for r in records[::-1]], _answers(records[::-1])[1:], strict=True))
    assert forward == backward
    for record in records:
        assert _answers([record])[1] == forward[record[0]]


def test_the_code_is_the_one_the_compiler_makes() -> None:
    for path in STDLIB:
        source = path.read_bytes()
        expected = compile(source, str(path), "exec", dont_inherit=True, optimize=0)
        assert marshal.loads(compiled(str(path), 1, source)[16:]) == expected


@pytest.mark.parametrize(
    "source",
    [b"def (:", b"\0", b"# coding: nonsense\n", b"x = " + b"(" * 500 + b")" * 500, b"\xff\xfe"],
)
def test_what_is_not_python_is_refused_and_the_rest_goes_on(source: bytes) -> None:
    answers = _answers([("/a.py", 1, source), ("/b.py", 1, b"x = 1\n")])
    assert [status for status, _ in answers] == [0, 1, 0]
    assert b"Error" in answers[1][1]


def test_odd_names_and_times_pass() -> None:
    (_, _), (status, pyc) = _answers([("/a b\n\udcff.py", 2**40 + 5, b"")])
    assert status == 0
    assert int.from_bytes(pyc[8:12], "little") == 5


def test_shares_hold_every_source_once_and_are_of_like_size() -> None:
    sources = [
        PythonSource(path=f"/{n}.py", mtime=0, data=bytes(n * 37 % 5000)) for n in range(200)
    ]
    shares = _shares(sources, 3)
    assert sorted(s.path for share in shares for s in share) == sorted(s.path for s in sources)
    sizes = [sum(len(s.data) for s in share) for share in shares]
    assert max(sizes) - min(sizes) < 6000
    assert len(_shares([], 4)) == 1
    assert len(_shares(sources[:2], 8)) == 2


def test_where_bytecode_lies() -> None:
    assert cached_path("/usr/lib/python3.13/json/__init__.py", "cpython-313") == (
        "/usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc"
    )
