"""How surprising a value is by its own history, whatever its unit and distribution."""

from __future__ import annotations

import math

import msgspec

RARE = 1.7
"""-log10 of the share of values above the running quantile: 2 %. The further out, the fewer values to learn it from."""

MEMORY = 0.02
"""Weight of a new value once there are 50: below, they all weigh the same."""

_BELOW = 1 - 10**-RARE
_LN10 = math.log(10)
_KNOWN = 50
_WIDEST = 6.0
_THINNEST = 0.05  # of a scale: where nothing ever was, a little is no miracle
_MOST = 300.0  # a smaller chance is none to a float


class Calibration(msgspec.Struct, array_like=True):
    """A running 98 % quantile with an exponential tail above it.

    The quantile moves by stochastic approximation (Robbins & Monro 1951, doi:10.1214/aoms/1177729586); that excesses
    over a high quantile are about exponential is the case xi = 0 of Pickands, doi:10.1214/aos/1176343003.
    """

    count: int = 0
    quantile: float = 0.0
    tail: float = 0.0

    def surprise(self, value: float) -> float:
        """-log10 of the chance of a value (not negative) as large as this one; then learns it.

        One far out counts as six tails above the quantile when it is learnt, so that it does not hide the next.
        """
        quantile, tail, count = self.quantile, self.tail, self.count
        self.count = count = count + 1
        step = (tail or value) * (1 / count if count < _KNOWN else MEMORY)
        if value <= quantile:
            self.quantile = max(0.0, quantile - step * (1 - _BELOW))
            return RARE * value / quantile if quantile else 0.0
        excess = value - quantile
        learnt = min(excess, _WIDEST * tail) if tail and count > _KNOWN else excess
        self.tail = tail + (learnt - tail) * max(MEMORY, 1 / (1 + count * MEMORY))
        self.quantile = quantile + step * _BELOW
        if tail:
            return min(_MOST, RARE + excess / (max(tail, _THINNEST) * _LN10))
        # the first excess at all: as rare as the values before it are many
        return RARE + math.log10(count)
