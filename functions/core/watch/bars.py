"""How much more evidence than chance asks for: what an application's own false alarms taught.

Real series are wilder than any model of them. An incident of one series alone, that was just evident enough, is most
often nothing; each raises the bar for series of its sort by a third of a power of ten, and bars sink again slowly.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from functions.core.watch.signals import BIN_MS

RAISED = 1.0
MARGINAL = 6.0
"""Evidence above what is needed, from which on it is no chance."""

HIGHEST = 15.0
SORTS = 5.0
"""So many sorts of series are wild, about; each may have this part of the false alarms that are wished for."""

_WEEK_MS = 7 * 86_400_000


class Bars(msgspec.Struct):
    """Evidence that is needed besides, by sort of series."""

    by_sort: dict[str, float] = {}

    def of(self, sort: str) -> float:
        """What a series of this sort needs besides."""
        return self.by_sort.get(sort, 0.0)

    def raise_for(self, sorts: Iterable[str]) -> None:
        """Of each there was what was most likely a false alarm."""
        for sort in sorts:
            self.by_sort[sort] = min(HIGHEST, self.of(sort) + RAISED)

    def sink(self, per_week: float) -> None:
        """Another bin has passed."""
        by = RAISED * per_week / SORTS * BIN_MS / _WEEK_MS
        self.by_sort = {sort: bar - by for sort, bar in self.by_sort.items() if bar > by}
