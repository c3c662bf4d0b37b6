"""The row for secrets: which files are read, and which are not.

ELF files, archives, compressed data, pictures, sounds and fonts are not looked into: what would
look like a token there is chance. Java archives and key stores have readers of their own.
"""

from __future__ import annotations

from neve.inventory.secrets_in import scan_secrets
from neve.inventory.types import Candidate, Depth, FileFacts, Observer

_HEAD = 4_096
_SHORTEST = 12
_MAX_WIDE = 16 << 20
_OPAQUE = (
    b"\x7fELF", b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"ID3", b"\0asm",
    b"OTTO", b"\0\1\0\0\0", b"wOFF", b"wOF2", b"!<arch>\n", b"7z\xbc\xaf", b"MZ",
    b"\xca\xfe\xba\xbe", b"%PDF", b"\xda\xda\xfe\xca", b"JM\x01\x00",
    b"\xfe\xed\xfe\xed", b"\xde\x12\x04\x95", b"TZif",
)  # fmt: skip
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def _observe(candidate: Candidate, data: memoryview) -> FileFacts | None:
    del candidate
    head = bytes(data[:_HEAD])
    if len(head) < _SHORTEST:
        return None
    text: bytes | memoryview = data
    wide = _WIDE.get(head[:2])
    if wide is not None and len(data) > _MAX_WIDE:
        return FileFacts(unjudged=(f"{len(data)} bytes of UTF-16: too large to look for secrets",))
    if wide is not None:
        text = bytes(data).decode(wide, "replace").encode()
    found = scan_secrets(text, binary=wide is None and b"\0" in head)
    if not found.secrets and not found.problems:
        return None
    return FileFacts(secrets=found.secrets, unjudged=found.problems)


OBSERVERS = (
    Observer(
        name="secrets",
        version=3,
        depth=Depth.FULL,
        observe=_observe,
        everything=True,
        never=_OPAQUE,
    ),
)
"""The row for secrets in files."""
