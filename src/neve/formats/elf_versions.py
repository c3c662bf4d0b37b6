"""The symbol versions that an ELF file needs of each library: which glibc it asks for at least.

Source: the Linux Standard Base, "Symbol Versioning" (``.gnu.version_r``). Every chain of records
is bounded, since each says itself where the next one lies.
"""

from __future__ import annotations

import struct

from neve.formats.elf import ElfImage, dynamic_section, dynamic_strings, text_at

_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
_MAX_LIBRARIES = 512
_MAX_VERSIONS = 4_096

Versions = tuple[tuple[str, tuple[str, ...]], ...]
"""(library, versions), both sorted: ``("libc.so.6", ("GLIBC_2.2.5", "GLIBC_2.34"))``."""


def needed_versions(image: ElfImage) -> Versions:
    """What the version records of an open file ask for; none where they are absent or broken."""
    dynamic = dynamic_section(image)
    addresses, counts = dynamic.get(_DT_VERNEED), dynamic.get(_DT_VERNEEDNUM)
    start = image.offset_of(addresses[0]) if addresses else None
    if start is None or not counts:
        return ()
    strings = dynamic_strings(image, dynamic)
    library_record = struct.Struct(image.order + "HHIII")
    version_record = struct.Struct(image.order + "IHHII")
    found: dict[str, set[str]] = {}
    left = _MAX_VERSIONS
    try:
        for _ in range(min(counts[0], _MAX_LIBRARIES)):
            _, count, name, auxiliary, following = library_record.unpack_from(image.data, start)
            versions = found.setdefault(text_at(strings, name) or "", set())
            at = start + auxiliary
            for _ in range(min(count, left)):
                left -= 1
                _, _, _, version, step = version_record.unpack_from(image.data, at)
                versions.add(text_at(strings, version) or "")
                at += step
            start += following
            if not following:
                break
    except struct.error:  # a record beyond the file's end: what stood before it holds
        pass
    return tuple(
        (library, tuple(sorted(filter(None, versions))))
        for library, versions in sorted(found.items())
        if library
    )
