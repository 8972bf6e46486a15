"""Keeps what this release writes into the lake, for later ones to read: ``python -m tests.upgrade.write``.

``files/<number>/<table>.parquet`` are the files of one schema. Where the schema of a table has changed since the last
number, all of them are written under the next one; older ones are never touched again, because no release can write
them any more.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

from functions.core.parquet import encode
from functions.core.schema import TABLES

from .events import rows_of

FILES = Path(__file__).parent / "files"
CUSTOMER = "oldcorp"


def versions() -> list[int]:
    """The schemas that are kept, oldest first."""
    return sorted(int(folder.name) for folder in FILES.iterdir()) if FILES.exists() else []


def path(version: int, table: str) -> Path:
    return FILES / str(version) / f"{table}.parquet"


def differences(version: int) -> list[str]:
    """Tables that the present release writes in another way than this schema does."""
    kept = {file.stem for file in (FILES / str(version)).iterdir()}
    changed = [
        name
        for name in kept & TABLES.keys()
        if not pq.read_schema(path(version, name)).equals(TABLES[name].arrow_schema)
    ]
    return sorted([*changed, *(kept ^ TABLES.keys())])


def write() -> str:
    """Writes the present schema's files where it is new, and says what was done."""
    kept = versions()
    if kept and not differences(kept[-1]):
        return f"schema {kept[-1]} is the present one"
    version = kept[-1] + 1 if kept else 1
    rows = rows_of(CUSTOMER)
    if missing := TABLES.keys() - rows.keys():
        raise SystemExit(f"tests/upgrade/events.py has no event for {', '.join(sorted(missing))}")
    path(version, "-").parent.mkdir(parents=True)
    for name, table in rows.items():
        path(version, name).write_bytes(encode(name, table))
    return f"schema {version} is written"


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
