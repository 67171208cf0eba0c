"""Bounds of the histograms.

`BOUNDS` are the catalogue's, seconds: every threshold of the runbooks falls on one. `fine_bin` is for quantiles:
bins that grow by 5% each, so a quantile read from them is within 2.5% of the truth, in bounded memory.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

BOUNDS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_GROWTH = math.log(1.05)
_SMALLEST = 1e-5
_LAST_BIN = 400
#: Where each bin but the first one begins.
_BEGINS = tuple(_SMALLEST * math.exp(number * _GROWTH) for number in range(1, _LAST_BIN + 1))


def fine_bin(seconds: float) -> int:
    """The number of the fine bin that `seconds` falls in."""
    return bisect_right(_BEGINS, seconds)


def fine_bins(ordered: Sequence[float], bins: Counter[int]) -> None:
    """Add how many of these seconds, in ascending order, fall in each fine bin."""
    begin, total = 0, len(ordered)
    while begin < total:
        number = fine_bin(ordered[begin])
        end = total if number == _LAST_BIN else bisect_left(ordered, _BEGINS[number], begin)
        bins[number] += end - begin
        begin = end


def bin_middle(number: int) -> float:
    """The seconds that a fine bin stands for."""
    return _SMALLEST * math.exp((number + 0.5) * _GROWTH)


def quantile(bins: dict[int, int], share: float) -> float | None:
    """The seconds below which `share` (0 to 1) of the observations lie; None without observations."""
    total = sum(bins.values())
    rank = max(1, math.ceil(share * total))
    seen = 0
    for number in sorted(bins):
        seen += bins[number]
        if seen >= rank:
            return bin_middle(number)
    return None
