"""Many seconds are counted in their bins at once as they would be one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.buckets import BOUNDS, bin_middle, fine_bin, fine_bins
from gateway.telemetry.tally import Tally

SECONDS = st.one_of(
    st.floats(0, 1e5), st.floats(1e-6, 1e-2), st.sampled_from([0.0, *BOUNDS, *map(bin_middle, range(402))])
)


@given(st.lists(SECONDS, max_size=200))
def test_counting_at_once_is_counting_one_by_one(seconds: list[float]) -> None:
    bins: Counter[int] = Counter()
    fine_bins(sorted(seconds), bins)
    assert bins == Counter(map(fine_bin, seconds))
    assert max(bins, default=0) <= 400, "the last bin has all that took longer"


@given(st.lists(SECONDS, min_size=1, max_size=5), st.integers(1, 700))
def test_nothing_is_lost_however_many_there_are_between_two_reports(seconds: list[float], times: int) -> None:
    tally = Tally()
    for _ in range(times):
        for one in seconds:
            tally.request("GET", "orders", 200, one)
            tally.upstream_answered("backend/a", 200, one)
    taken, total = tally.take(), times * len(seconds)
    counts, _ = taken["durations"]["orders"]
    requests, _, bins = taken["slices"]["orders"]
    assert (requests, sum(counts), sum(taken["upstream_durations"]["backend/a"][0])) == (total, total, total)
    assert dict(bins) == {number: count * times for number, count in Counter(map(fine_bin, seconds)).items()}
