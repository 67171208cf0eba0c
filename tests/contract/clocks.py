"""What the Clock port promises."""

from __future__ import annotations

from datetime import UTC, timedelta

from commands.ports import Clock


class ClockContract:
    """A clock provides the fixture `clock`."""

    def test_now_is_aware_and_in_utc(self, clock: Clock) -> None:
        assert clock.now().tzinfo is not None
        assert clock.now().utcoffset() == timedelta(0)
        assert clock.now().tzinfo == UTC

    def test_time_never_goes_back(self, clock: Clock) -> None:
        seen = [clock.now() for _ in range(100)]
        assert seen == sorted(seen)

    async def test_after_a_sleep_at_least_that_time_has_passed(self, clock: Clock) -> None:
        before = clock.now()
        await clock.sleep(0.02)
        assert clock.now() - before >= timedelta(seconds=0.019)
