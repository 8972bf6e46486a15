"""Rules at work: each is measured and counted, and one that fails, is slow or explodes is switched off alone.

A batch is what one Normalizer takes. What is off stays off until the rules change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

T = TypeVar("T")

BUDGET_SECONDS = 1.0
BUDGET_SECONDS_A_MB = 0.02
"""What a rule may take in a batch: RE2 is several times as fast with every usual pattern."""

FORMAT_SECONDS_A_MB = 0.1
"""The same for a format: to take lines apart takes RE2 several times as long as to find something in them."""

MOST_VALUES = {"tenant": 20_000, "feature": 500, "version": 500, "route": 2_000}
"""Different values that a rule may give a column in a batch; a user is nobody's to count."""

SLICE_BYTES = 256 * 1024
"""Between two looks at the clock a rule gets so much text, or one cell."""


def no_clock() -> float:
    """Time stands still: nothing is slow."""
    return 0.0


class Watch:
    """What each rule took and gave in this batch. ``clock`` gives seconds; ``off`` are rules with the reason."""

    def __init__(self, clock: Callable[[], float] = no_clock) -> None:
        self.clock = clock
        self.off: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._bytes: dict[str, int] = {}
        self._values: dict[str, set[Any]] = {}

    def begin_batch(self) -> None:
        """Another batch begins."""
        self.seconds.clear()
        self._bytes.clear()
        self._values.clear()

    def run(
        self, rule: str, work: Callable[[], T], instead: T, size: int = 0, seconds_a_mb: float = BUDGET_SECONDS_A_MB
    ) -> T:
        """What a rule makes of so many bytes; ``instead`` where it is off, or fails."""
        if rule in self.off:
            return instead
        began = self.clock()
        try:
            made = work()
        except MemoryError:
            raise
        except Exception as error:  # a rule must not stop what it has nothing to do with
            self.off[rule] = f"it failed: {type(error).__name__}: {str(error)[:200]}"
            return instead
        self.seconds[rule] = self.seconds.get(rule, 0.0) + self.clock() - began
        self._bytes[rule] = self._bytes.get(rule, 0) + size
        allowed = BUDGET_SECONDS + seconds_a_mb * self._bytes[rule] / 1e6
        if self.seconds[rule] > allowed:
            self.off[rule] = (
                f"it was slow: {self.seconds[rule]:.1f} seconds for {self._bytes[rule] / 1e6:.1f} MB in one batch, "
                f"at most {allowed:.1f} are allowed"
            )
        return made

    def over(self, rule: str, texts: pa.StringArray, change: Callable[[pa.StringArray], pa.Array]) -> pa.Array:
        """``change`` of an array, a slice at a time; what comes after the rule was switched off stays as it is."""
        if rule in self.off or not len(texts):
            return texts
        return pa.concat_arrays([self.run(rule, partial(change, part), part, size) for part, size in slices(texts)])

    def found(
        self, rule: str, texts: pa.StringArray, find: Callable[[pa.StringArray], list[dict[str, str] | None]]
    ) -> list[dict[str, str] | None]:
        """What ``find`` finds in each text, a slice at a time; nothing after the rule was switched off."""
        made: list[dict[str, str] | None] = []
        for part, size in slices(texts):
            nothing: list[dict[str, str] | None] = [None] * len(part)
            made += self.run(rule, partial(find, part), nothing, size, FORMAT_SECONDS_A_MB)
        return made

    def saw(self, rule: str, column: str, values: Iterable[Any]) -> bool:
        """Counts the different values that a rule gave a column; False where it gives no more."""
        if rule in self.off:
            return False
        most = MOST_VALUES.get(column)
        if most is None:
            return True
        seen = self._values.setdefault(rule, set())
        seen.update(values)
        if len(seen) > most:
            self.off[rule] = f"it exploded: more than {most:,} different values of {column} in one batch"
            return False
        return True


def slices(texts: pa.StringArray) -> Iterable[tuple[pa.StringArray, int]]:
    """Parts of an array with their bytes; a cell that is larger than a slice is one."""
    rows = len(texts)
    if rows == 0:
        return
    offsets = memoryview(texts.buffers()[1]).cast("i")[texts.offset : texts.offset + rows + 1]
    start = 0
    while start < rows:
        end = max(start + 1, bisect_right(offsets, offsets[start] + SLICE_BYTES) - 1)
        end = min(end, rows)
        yield texts.slice(start, end - start), offsets[end] - offsets[start]
        start = end
