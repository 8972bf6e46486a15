"""Log-spaced histograms: bucket n holds the values in (GROWTH**(n-1), GROWTH**n].

Any value is known to 1 % from its bucket, and buckets of different histograms add up, as in DDSketch
(https://www.vldb.org/pvldb/vol12/p2195-masson.pdf). In SQL the value of a bucket is
``2 * power(1.02020202, bucket) / 2.02020202``.
"""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc

GROWTH = 1.01 / 0.99
SMALLEST = 0.001
LARGEST = 1e15

_LOG_GROWTH = math.log(GROWTH)


def bucket(measured: float) -> int:
    """Bucket of a value; values outside of 0.001 to 1e15 count as these."""
    return math.ceil(math.log(min(max(measured, SMALLEST), LARGEST)) / _LOG_GROWTH)


def value(number: int) -> float:
    """Value of a bucket, within 1 % of each value in it."""
    return float(2 * GROWTH**number / (1 + GROWTH))


def buckets(measured: pa.DoubleArray | pa.ChunkedArray) -> pa.Int32Array | pa.ChunkedArray:
    """Buckets of many values; null stays null."""
    bounded = pc.min_element_wise(pc.max_element_wise(measured, SMALLEST, skip_nulls=False), LARGEST, skip_nulls=False)
    return pc.cast(pc.ceil(pc.divide(pc.ln(bounded), _LOG_GROWTH)), pa.int32())


def cells(histograms: pa.ChunkedArray) -> tuple[pa.Int64Array, pa.Int32Array, pa.Int64Array]:
    """The cells of many histograms, as `schema` has them: number of the row, bucket and count of each."""
    maps = histograms.combine_chunks()
    maps = pa.concat_arrays(maps.chunks) if isinstance(maps, pa.ChunkedArray) else maps
    of_keys, of_items = (pa.ListArray.from_arrays(maps.offsets, cell) for cell in (maps.keys, maps.items))
    return pc.cast(pc.list_parent_indices(of_keys), pa.int64()), pc.list_flatten(of_keys), pc.list_flatten(of_items)
