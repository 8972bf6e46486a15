"""How fast normalize is, against the limit of its parts and against the usual way, all measured in one run.

``make bench`` runs it. Time is the processor's, of one core, summed over batches as large as Lambda's 6 MB allow; the
three ways take turns, so that other work on the machine disturbs all of them alike.

- The limit is what cannot be avoided, each part by the fastest that is known: base64 (binascii), gunzip (libdeflate),
  outer JSON (orjson), inner JSON, Parquet of the very rows that normalize gives (zstd 1, as normalize writes it). Inner
  JSON is msgspec into typed structs of the ids, names and times, and the attributes a second time for the few that have
  a column; all other members are only scanned. What stores all of them, as normalize does, cannot reach the limit.
- The usual way is Powertools' parser for the envelope, ``json`` for the messages, a dictionary per row,
  ``Table.from_pylist``, and Parquet with pyarrow's defaults (snappy). It fills the same four tables with their basic
  columns and does nothing else that normalize does (see ``ways.usual``).
"""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa

from functions.core.cost.assumptions import ASSUMED
from functions.core.cost.by_volume import charges, cost_by_part, of_gigabytes
from functions.core.cost.prices import PRICES
from functions.core.detect.series import update
from stacks import bundling
from tests.performance import ways
from tests.performance.telemetry import KINDS, Shop

RAW_MB = 240
BATCHES = 4
LAMBDA_BATCH_BYTES = 6_000_000
GOAL_OF_LIMIT, GOAL_OF_USUAL, GOAL_PEAK_MB = 0.40, 2.5, 512
KIND_BYTES = 4_000_000
GOAL_MICROSECONDS = 30
COLD_STARTS = 5
MEASURE_MEMORY = "--memory"


def main() -> int:
    """Prints the figures; 1 where a goal is missed."""
    if MEASURE_MEMORY in sys.argv:
        print(peak_of_one_batch())
        return 0
    # first, for a new process counts the memory of the one that starts it as its own peak
    peak_mb = int(
        subprocess.run([sys.executable, "-m", __spec__.name, MEASURE_MEMORY], capture_output=True, check=True).stdout
    )
    pa.set_cpu_count(1)
    gc.disable()
    gc.freeze()
    shop = Shop(seed=1)
    seconds = {"tracelake": 0.0, "limit": 0.0, "usual": 0.0}
    compressed = stored = files_written = 0
    warm = Shop(seed=2).batch(2_000_000)
    ways.usual(warm)
    ways.limit(warm, ways.tracelake(warm)[0])
    for _ in range(BATCHES):
        records = shop.batch(RAW_MB * 1_000_000 // BATCHES)
        parts, files = timed(seconds, "tracelake", lambda records=records: ways.tracelake(records))
        timed(seconds, "limit", lambda records=records, parts=parts: ways.limit(records, parts))
        timed(seconds, "usual", lambda records=records: ways.usual(records))
        compressed += sum(len(record) * 3 // 4 for record in records)
        stored += sum(map(len, files))
        files_written += len(files)
        del parts, files
        gc.collect()
    megabytes = shop.raw_bytes / 1e6
    speed = {way: megabytes / spent for way, spent in seconds.items()}
    of_limit, of_usual = speed["tracelake"] / speed["limit"], speed["tracelake"] / speed["usual"]
    print_cost(speed["tracelake"], compressed / shop.raw_bytes, stored / shop.raw_bytes, files_written / BATCHES)
    report(
        ("raw messages", megabytes, f"MB, {compressed / 1e6:.1f} MB on the stream, {stored / 1e6:.1f} MB as Parquet"),
        ("normalize", speed["tracelake"], "MB/s per core, all features on"),
        ("the limit", speed["limit"], f"MB/s; normalize reaches {of_limit:.0%} of it (goal {GOAL_OF_LIMIT:.0%})"),
        ("the usual way", speed["usual"], f"MB/s; normalize is {of_usual:.1f} times as fast (goal {GOAL_OF_USUAL})"),
        ("peak memory", peak_mb, f"MB for a batch of 6 MB (goal under {GOAL_PEAK_MB})"),
    )
    report(("cold start", cold_start_ms(), f"ms to import the handler from its bundle, best of {COLD_STARTS}, here"))
    for kind, _ in KINDS:
        report((kind, *of_kind(kind)))
    report(("detection", microseconds_a_point(), f"microseconds a point of a series (goal under {GOAL_MICROSECONDS})"))
    return int(of_limit < GOAL_OF_LIMIT or of_usual < GOAL_OF_USUAL or peak_mb >= GOAL_PEAK_MB)


def of_kind(kind: str) -> tuple[float, str]:
    """Speed for one format alone, in MB/s, and how it compares."""
    shop, seconds = Shop(seed=4), {"tracelake": 0.0, "limit": 0.0}
    records = shop.batch(KIND_BYTES, kind)
    parts, _ = ways.tracelake(records)
    for _ in range(3):
        timed(seconds, "tracelake", lambda: ways.tracelake(records))
        timed(seconds, "limit", lambda: ways.limit(records, parts))
    megabytes = 3 * shop.raw_bytes / 1e6
    return megabytes / seconds["tracelake"], f"MB/s, {seconds['limit'] / seconds['tracelake']:.0%} of the limit"


def microseconds_a_point() -> float:
    """Of the detector, over a month of five minutes each."""
    chance = random.Random(5)
    points = [(at * 300.0, chance.gauss(100, 10)) for at in range(8640)]
    seconds = {"detection": 0.0}
    timed(seconds, "detection", lambda: update(None, points))
    return seconds["detection"] * 1e6 / len(points)


def cold_start_ms() -> float:
    """Milliseconds that a new process takes to import the handler from the very bundle, built for this machine."""
    layer = bundling.build_layer(bundling.host_platform(), bundling.host_python())
    path = f"{bundling.build_code()}:{layer / 'python'}"
    program = "import time; t = time.perf_counter(); import functions.normalize.handler; print(time.perf_counter() - t)"
    run = [sys.executable, "-S", "-c", program]
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "AWS_DEFAULT_REGION": "eu-west-1"}
    measured = [
        float(subprocess.run(run, capture_output=True, check=True, env=environment).stdout) for _ in range(COLD_STARTS)
    ]
    return min(measured) * 1000


def timed(seconds: dict[str, float], way: str, work: Callable[[], Any]) -> Any:
    """The result of a piece of work, whose processor time is added to a way's."""
    started = time.process_time()
    result = work()
    seconds[way] += time.process_time() - started
    return result


def peak_of_one_batch() -> int:
    """Megabytes that this process has held at most, after a batch as Lambda gets it: 6 MB of base64."""
    pa.set_cpu_count(1)
    shop, records, size = Shop(seed=3), [], 0
    while size < LAMBDA_BATCH_BYTES:
        more = shop.batch(1_000_000)
        records += more
        size += sum(map(len, more))
    gc.disable()
    ways.tracelake(records)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def report(*lines: tuple[str, float, str]) -> None:
    """Prints a name, a figure and what it means on each line."""
    for name, figure, meaning in lines:
        print(f"{name:<18} {figure:8.1f} {meaning}")


def print_cost(megabytes_per_second: float, compressed: float, stored: float, files: float) -> None:
    """Dollars for one more GB of raw messages in full batches, at list price; storage is for one month."""
    load = msgspec.structs.replace(
        ASSUMED.load,
        raw_bytes_per_second=megabytes_per_second * 1e6,
        compressed=compressed,
        stored=stored,
        files_a_commit=files,
    )
    costs = cost_by_part(of_gigabytes(1, load), charges(load=load))
    parts = ", ".join(f"{name} {dollars:.4f}" for name, dollars in costs.items())
    priced = f"{parts}; {PRICES.region}, {PRICES.as_of}"
    print(f"{'cost':<18} {sum(costs.values()):8.4f} $ for one more GB of raw messages ({priced})")


if __name__ == "__main__":
    sys.exit(main())
