"""Which shared libraries a bundle needs and lacks, read from the ELF files themselves.

A machine without binutils can check it too. Format: https://refspecs.linuxfoundation.org/elf/elf.pdf
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

# what Amazon Linux 2023 has: the C and C++ runtimes and the loader (the manylinux policy allows little more)
SYSTEM_LIBRARIES = (
    "libc.so",
    "libm.so",
    "libdl.so",
    "librt.so",
    "libpthread.so",
    "libstdc++.so",
    "libgcc_s.so",
    "ld-linux",
)

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB = 0, 1, 5


def missing_libraries(folder: Path) -> list[str]:
    """``file needs library`` for each library that an ELF file asks for and neither its folder nor the system has."""
    missing = []
    for path in sorted(folder.rglob("*.so*")):
        for library in needed(path):
            if not library.startswith(SYSTEM_LIBRARIES) and not (path.parent / library).exists():
                missing.append(f"{path.relative_to(folder)} needs {library}")
    return missing


def needed(path: Path) -> list[str]:
    """Names of the libraries an ELF file is linked against; ``ValueError`` where it is not of a 64-bit Linux."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is not an ELF file of a 64-bit little-endian machine.")
    segments = list(_segments(data))
    entries = [
        entry for kind, offset, _, size in segments if kind == _PT_DYNAMIC for entry in _dynamic(data, offset, size)
    ]
    tables = [value for tag, value in entries if tag == _DT_STRTAB]
    if not tables:
        return []
    strings = next(
        offset + tables[0] - address
        for kind, offset, address, size in segments
        if kind == _PT_LOAD and address <= tables[0] < address + size
    )
    starts = [strings + value for tag, value in entries if tag == _DT_NEEDED]
    return [data[start : data.index(b"\0", start)].decode() for start in starts]


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(type, offset in the file, address, size in the file) of each program header."""
    (table,) = struct.unpack_from("<Q", data, 0x20)
    entry_size, count = struct.unpack_from("<HH", data, 0x36)
    for number in range(count):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, table + number * entry_size)
        yield kind, offset, address, size


def _dynamic(data: bytes, offset: int, size: int) -> Iterator[tuple[int, int]]:
    for position in range(offset, offset + size, 16):
        tag, value = struct.unpack_from("<qQ", data, position)
        if tag == _DT_NULL:
            return
        yield tag, value
