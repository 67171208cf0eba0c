"""What is kept of each channel does not grow for ever, and nothing that is still to be done is forgotten."""

from __future__ import annotations

from bot.sending.course import Courses


def test_of_many_channels_those_are_forgotten_in_which_nothing_is_to_be_done() -> None:
    courses = Courses()
    for number in range(1500):
        courses.of(f"c{number}").sure = True
    courses.of("c1").put_off(now=0.0)
    courses.of("c2").set_aside(7, now=0.0)
    courses.tidy(besides={"c3"})
    kept = [number for number in range(600) if courses.of(f"c{number}").sure or courses.of(f"c{number}").talk.failures]
    assert kept == [1, 2, 3, *range(500, 600)]
