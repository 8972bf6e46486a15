"""Damaged telemetry of every format, for a bounded time: nothing is raised, nothing is lost, nothing is doubled.

TRACELAKE_FUZZ_SECONDS tries longer, and another sequence each time; a failure names the number that repeats it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from random import Random, SystemRandom
from typing import Any

import pytest
from feeding import NOW_MS, RULES, payload
from fuzzing import GROUPS, OBJECTS, SPANS, damaged_bytes, messages

from functions.core.normalize import Normalizer
from functions.core.schema import TABLES
from functions.core.sources import emf, lambda_platform, text_logs

SECONDS = float(os.environ.get("TRACELAKE_FUZZ_SECONDS", "5"))
FIRST = SystemRandom().randrange(2**32) << 32 if "TRACELAKE_FUZZ_SECONDS" in os.environ else 0
LINES = 40

Keys = Counter[tuple[str, str, int]]


def keys_of(*records: bytes) -> tuple[Normalizer, Keys]:
    """A Normalizer that was given these records, and the keys of its rows."""
    normalizer = Normalizer(RULES)
    for number, record in enumerate(records):
        normalizer.add(record, f"shard:{number}", NOW_MS)
    keys: Keys = Counter()
    for part in normalizer.flush("chunk"):
        part.rows.validate(full=True)
        assert part.rows.schema == TABLES[part.table].arrow_schema
        if TABLES[part.table].derived_from is None:
            ids, numbers = part.rows["event_id"].to_pylist(), part.rows["row_no"].to_pylist()
            keys.update((part.table, event_id, row_no) for event_id, row_no in zip(ids, numbers, strict=True))
    counts = normalizer.counts
    assert counts.events == counts.stored + counts.folded + counts.rejected
    assert counts.rejected == len(normalizer.rejected)
    return normalizer, keys


def try_lines(random: Random) -> int:
    """Tries lines in one payload, again, and cut into two."""
    lines, group = messages(random, LINES), random.choice(GROUPS)
    normalizer, keys = keys_of(payload(*lines, group=group))
    assert normalizer.counts.events == len(lines)
    assert not [key for key, times in keys.items() if times > 1]
    assert len({event_id for _, event_id, _ in keys}) == normalizer.counts.stored
    assert keys_of(payload(*lines, group=group))[1] == keys
    cut = random.randrange(len(lines) + 1)
    later: dict[str, Any] = {"first_id": cut, "time_ms": NOW_MS + cut}
    apart = keys_of(payload(*lines[:cut], group=group), payload(*lines[cut:], group=group, **later))[1]
    assert keys <= apart  # a START whose REPORT comes with another payload is a row, which compact merges
    assert {table for table, _, _ in apart - keys} <= {"invocations"}
    return len(lines)


def try_spans(random: Random) -> int:
    """Tries documents of spans among other lines. Their rows are named by span, so only what is counted is compared."""
    lines = messages(random, LINES, OBJECTS + SPANS * 4)
    normalizer, keys = keys_of(payload(*lines))
    assert normalizer.counts.events == len(lines)
    own = [key for key in keys if key[1].startswith("e")]
    assert len({event_id for _, event_id, _ in own}) <= normalizer.counts.stored
    assert not [key for key in own if keys[key] > 1]
    assert keys_of(payload(*lines))[1] == keys
    return len(lines)


def try_records(random: Random) -> int:
    """Tries records whose bytes are damaged, subscription payloads and lines without an envelope."""
    lines = messages(random, 5)
    whole = payload(*lines) if random.random() < 0.7 else "\n".join(lines).encode(errors="surrogatepass")
    record = damaged_bytes(random, whole)
    assert keys_of(record)[1] == keys_of(record)[1]
    return 1


def tried(first: int, seconds: float, most: int = 10**9) -> int:
    """How many inputs were tried; AssertionError names the one that failed."""
    end, inputs, number = time.monotonic() + seconds, 0, first
    while time.monotonic() < end and number < first + most:
        try:
            inputs += (try_lines, try_records, try_spans)[number % 3](Random(number))
        except Exception as error:
            raise AssertionError(f"input {number}: {type(error).__name__}: {error}") from error
        number += 1
    return inputs


@pytest.mark.timeout(SECONDS + 60)
def test_damaged_telemetry_of_every_format_is_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = tried(FIRST, SECONDS)
    with capsys.disabled():
        print(f"\n{inputs} damaged inputs tried in {SECONDS:g} s")
    assert inputs > LINES


def _lost(*_: Any) -> None:
    return None


def _doubled(*arguments: Any) -> None:
    error = arguments[0].open_error
    CLOSE(*arguments)
    arguments[0].open_error = error
    CLOSE(*arguments)


def _raising(*_: Any) -> None:
    raise KeyError("planted")


CLOSE = text_logs.close
FEW = 60


@pytest.fixture(scope="module")
def sound() -> None:
    """The inputs that find a planted defect find none without it."""
    assert tried(0, seconds=60, most=FEW) > FEW


@pytest.mark.parametrize(
    ("module", "name", "defect"),
    [
        (text_logs, "close", _lost),
        (text_logs, "close", _doubled),
        (lambda_platform, "unfinished", _raising),
        (lambda_platform, "unfinished", _lost),
        (emf, "_add_rest", _lost),
    ],
)
def test_what_is_lost_doubled_or_raised_is_found(
    module: Any, name: str, defect: Any, sound: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, defect)
    with pytest.raises(AssertionError, match="input "):
        tried(0, seconds=60, most=FEW)
