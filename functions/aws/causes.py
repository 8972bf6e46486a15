"""The likely cause of an incident, from spans and log lines of the lake: docs/root_cause.md, "From the lake".

A time is read from the files that the state names: the published ones of its hours, and those that commits have left
since. So it is complete up to the last commit, also while an hour goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import pyarrow as pa
from aws_lambda_powertools import Logger

from functions.aws.generations import Generations
from functions.aws.lake import Lake
from functions.aws.state import State
from functions.core.lake_files import LakeFile
from functions.core.schema import HOUR_MS, hour_of
from functions.core.traces import suspects
from functions.core.traces.compared import (
    MOST_ROWS,
    READS,
    Causes,
    Sample,
    Times,
    chosen,
    nothing,
    requests_of,
    shortened,
)

RESERVE_MS = 40_000
"""With less time than this left, nothing more is read: to rank what `MOST_ROWS` allows takes ten seconds of a function
of 1 GB (docs/root_cause.md), and who asks has something to do besides."""

FILES_AT_ONCE = 4
"""Each of them can take 100 MB."""

MOST_FILE_BYTES = 256 << 20
"""Of files of both times, on disk."""

SHORTEST_MS = 60_000

log = Logger(service="tracelake-causes")


class NotLookedError(Exception):
    """Nobody can say; the message is why, in words for people."""


def likely_causes(
    table: str,
    bucket: str,
    incident: Times,
    baseline: Times | None,
    remaining_ms: Callable[[], int],
    most_rows: int = MOST_ROWS,
    most_file_bytes: int = MOST_FILE_BYTES,
) -> Causes:
    """Who is most likely the cause of what is unusual in ``incident``, compared with ``baseline`` (`usual_before`).

    ``table`` is that of the state, ``bucket`` the lake's; ``remaining_ms`` tells how long the function may still run.
    It raises nothing: where there is nothing to compare, no time is left, or something goes wrong, the answer says so.
    """
    try:
        if baseline is None:
            raise NotLookedError("there is no usual time in the day before to compare with")
        looking = _Looking(table, Lake(bucket), remaining_ms, most_file_bytes // 2, Sample(most_rows))
        return looking.compare(incident, baseline, most_rows // 2)
    except NotLookedError as why:
        return Causes(not_looked=str(why))
    except Exception:
        # what is found out besides must not keep anybody from telling people
        log.exception("the likely cause is not known")
        return Causes(not_looked="an error, which the function's log tells")


@dataclass
class _Looking:
    table: str
    lake: Lake
    remaining_ms: Callable[[], int]
    most_file_bytes: int
    sample: Sample
    _of_hour: dict[str, list[LakeFile]] = field(default_factory=dict)

    def compare(self, incident: Times, baseline: Times, most_rows: int) -> Causes:
        incident = shortened(incident, SHORTEST_MS, self._is_too_large)
        length = incident[1] - incident[0]
        # a longer baseline goes before any request does
        baseline = shortened(baseline, length, lambda times: self._rows(times) > most_rows)
        baseline = shortened(baseline, SHORTEST_MS, self._is_too_large)
        for times in (baseline, incident):
            self._read(times)
        before, now = (self.sample.rows(times) for times in (baseline, incident))
        requests = requests_of(before), requests_of(now)
        for name, count in zip(("time before it", "incident"), requests, strict=True):
            if not count:
                raise NotLookedError(f"there are no spans and no log lines of requests in the {name}")
        return Causes(tuple(suspects.rank(before, now)), "", incident, baseline, requests, self.sample.one_in)

    def _read(self, times: Times) -> None:
        files = self._files(times)
        for first in range(0, len(files), FILES_AT_ONCE):
            if self.remaining_ms() < RESERVE_MS:
                raise NotLookedError("the time was over before everything was read")
            some = files[first : first + FILES_AT_ONCE]
            for file, rows in zip(some, self.lake.at_once(partial(self._chosen, times), some), strict=True):
                self.sample.add(file.table, times, rows)

    def _chosen(self, times: Times, file: LakeFile) -> pa.Table:
        batches = self.lake.read_batches(file.key, READS[file.table])
        parts = [chosen(file.table, batch, times, self.sample.one_in) for batch in batches]
        return pa.concat_tables([nothing(file.table), *parts])

    def _files(self, times: Times) -> list[LakeFile]:
        """The files that have something of a time."""
        begin, end = times
        hours = [hour_of(start) for start in range(begin // HOUR_MS * HOUR_MS, end, HOUR_MS)]
        found = chain.from_iterable(map(self._files_of, hours))
        return [file for file in found if file.latest >= begin and file.earliest < end]

    def _files_of(self, hour: str) -> list[LakeFile]:
        if hour not in self._of_hour:
            generations, state = Generations(self.table, owner=""), State(self.table)
            # what is published between both calls is seen twice, the other way round it would be missed
            pending = [
                found
                for found in generations.pending(hour)
                if not found.if_committed or state.is_committed(found.if_committed, found.commit_id)
            ]
            fresh = [file for found in pending for file in found.files if file.table in READS]
            settled = [file for table in READS for file in generations.current(table, hour).files]
            self._of_hour[hour] = settled + fresh
        return self._of_hour[hour]

    def _is_too_large(self, times: Times) -> bool:
        return sum(file.bytes for file in self._files(times)) > self.most_file_bytes

    def _rows(self, times: Times) -> float:
        return sum(file.rows * file.share(*times) for file in self._files(times))
