"""Compiles Python sources inside the sandbox, with the image's own interpreter.

Handed over as text to any CPython from 3.9 on, so it imports built-in modules only. Standard
input is records of three little-endian 64-bit numbers (length of path, mtime, length of source),
path and source; for each one, in order, standard output gets a status byte (0 compiled, 1 not
Python for this interpreter), a 64-bit length and the ``.pyc``, or the reason. Ahead of all of
them stands one such record with the interpreter's cache tag.
"""

import gc
import marshal
import sys
from _frozen_importlib_external import MAGIC_NUMBER


def compiled(path: str, mtime: int, source: bytes) -> bytes:
    """The ``.pyc`` of ``source``: the header of a timestamp-checked file, then its code.

    Marshal flags an object as shared where its reference count says so, which depends on what
    the process did before; code that was just loaded is shared only within itself.
    """
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    data = marshal.dumps(marshal.loads(marshal.dumps(code)))  # noqa: S302 - our own bytes
    head: bytes = MAGIC_NUMBER + bytes(4)
    for number in (mtime, len(source)):
        head += (number & 0xFFFFFFFF).to_bytes(4, "little")
    return head + data


def main() -> None:
    """Answer records until the end of standard input."""
    gc.disable()  # nothing here lives long
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write

    def answer(status: int, data: bytes) -> None:
        write(bytes([status]) + len(data).to_bytes(8, "little"))
        write(data)

    answer(0, (sys.implementation.cache_tag or "").encode())
    while True:
        head = read(24)
        if not head:
            break
        length, mtime, size = (int.from_bytes(head[i : i + 8], "little") for i in (0, 8, 16))
        path = read(length).decode("utf-8", "surrogateescape")
        source = read(size)
        try:
            answer(0, compiled(path, mtime, source))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            answer(1, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
