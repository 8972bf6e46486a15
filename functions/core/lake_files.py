"""What the pipeline remembers of a file of the lake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One Parquet file: where it lies, how big it is on disk and as Arrow table (bytes), first and last time (ms)."""

    table: str
    hour: str
    key: str
    rows: int
    bytes: int
    memory: int
    earliest: int
    latest: int

    @classmethod
    def of(cls, table: str, hour: str, key: str, rows: pa.Table, size: int) -> LakeFile:
        """The file that holds ``rows`` in ``size`` bytes."""
        times = rows["time"].cast(pa.int64())
        earliest, latest = pc.min(times).as_py() or 0, pc.max(times).as_py() or 0
        return cls(table, hour, key, rows.num_rows, size, rows.nbytes, earliest, latest)

    def share(self, start_ms: int, end_ms: int) -> float:
        """How much of it is between two times, if its rows are spread evenly."""
        inside = min(self.latest + 1, end_ms) - max(self.earliest, start_ms)
        return max(0, inside) / (self.latest - self.earliest + 1)


def to_plain(files: Iterable[LakeFile]) -> list[list[str | int]]:
    """The files as JSON takes them."""
    return [list(astuple(file)) for file in files]


def from_plain(plain: Iterable[list[str | int]]) -> list[LakeFile]:
    """Inverse of `to_plain`."""
    return [LakeFile(*values) for values in plain]  # type: ignore[arg-type]
