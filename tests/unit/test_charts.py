"""Charts: what is put into them, what they say in words, and what is drawn."""

from __future__ import annotations

import re
import struct
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from markupsafe import escape

from bot import charts
from bot.platforms.console.drawings import drawing
from bot.platforms.console.rendering import Renderer
from commands.cards import Card
from commands.charts import Band, Chart, Mark, Panel, Series, Threshold
from commands.domain.plan import Plan, PlanState, Target
from commands.domain.sli import Objectives, Reading
from commands.presentation.measured import Window, measured_chart
from tests.console.fakes import ANA, PEOPLE, FakeRecord
from tests.fakes import START

pytestmark = pytest.mark.xdist_group("charts")  # the library is loaded once

END = START + timedelta(minutes=30)
WINDOW = Window("gateway", START, END, "UTC")


def reading(second: int, *, errors: float = 0.002, p95: float | None = 40, **more: object) -> Reading:
    """A reading so many seconds after the start."""
    values = {"requests": 1000, "error_rate": errors, "p95_ms": p95} | more
    return Reading.model_validate({"at": START + timedelta(seconds=second)} | values)


def breach() -> list[Reading]:
    """Every five seconds; bad from the tenth to the twentieth minute, with one peak."""
    bad = range(600, 1200)
    found = [reading(at, errors=0.12 if at in bad else 0.002, p95=900 if at in bad else 40) for at in range(0, 1800, 5)]
    found[150] = reading(750, errors=0.31, p95=1840)
    return found


def chart(readings: list[Reading] | None = None, *plans: Plan, window: Window = WINDOW) -> Chart:
    """What is made of readings."""
    made = measured_chart(window, breach() if readings is None else readings, plans, Objectives())
    assert made is not None
    return made


def plan(minute: float, **more: object) -> Plan:
    """A change of the gateway that was carried out at a minute."""
    values = {
        "id": "plan-1", "action": "scale", "summary": "Scale", "arguments": {}, "fingerprint": {}, "undo": "",
        "target": Target(kind="gateway", name="gateway", uid="1"), "before": {"replicas": 3}, "after": {"replicas": 10},
        "requester": "ben", "incident": None, "channel": "general", "platform": "console", "created_at": START,
        "approve_by": END, "execute_by": END, "state": PlanState.DONE, "took_effect": True,
        "baseline": reading(int(minute * 60)),
    }  # fmt: skip
    return Plan.model_validate(values | more)


def test_no_peak_is_lost_however_many_readings_there_are() -> None:
    errors, p95 = chart().panels
    assert all(len(panel.series[0].points) == 120 for panel in (errors, p95))
    assert (START + timedelta(seconds=750), 31.0) in errors.series[0].points
    assert (START + timedelta(seconds=750), 1840) in p95.series[0].points


def test_words_tell_the_end_the_range_the_peak_and_what_was_crossed() -> None:
    assert chart(None, plan(13)).words() == (
        "Errors and p95 of gateway, 12:00 to 12:30 UTC. "
        "Error rate: last 0.2%, between 0.2% and 31%, highest at 12:12; "
        "above the objective of 5% from 12:10 to 12:20. "
        "p95: last 40 ms, between 40 ms and 1,840 ms, highest at 12:12; "
        "above the objective of 500 ms from 12:10 to 12:20. "
        "12:13: scale 3 → 10."
    )


def test_words_of_what_stays_low_goes_on_or_comes_again() -> None:
    calm = [reading(at) for at in range(0, 1800, 60)]
    assert "Error rate: always 0.2%; never above the objective of 5%." in chart(calm).words()
    on = calm[:-3] + [reading(at, errors=0.5) for at in (1620, 1680, 1740)]
    assert "above the objective of 5% from 12:27 to the end." in chart(on).words()
    again = [reading(at, errors=0.5 if at % 600 == 0 else 0.0) for at in range(0, 1800, 60)]
    assert "above the objective of 5% 3 times, first at 12:00, last until 12:21." in chart(again).words()
    twice = [reading(at, errors=0.5 if at in {0, 1740} else 0.0) for at in range(0, 1800, 60)]
    assert "above the objective of 5% 2 times, first at 12:00, and at the end." in chart(twice).words()


def test_times_are_in_the_zone_of_the_organisation_and_dated_over_midnight() -> None:
    window = Window("gateway", START, START + timedelta(hours=14), "Europe/Berlin")
    said = chart([reading(0), reading(60)], window=window).words()
    assert "2026-03-01 13:00 to 2026-03-02 03:00 CET" in said


def test_a_gateway_that_does_not_answer_is_no_gateway_without_errors() -> None:
    silent = [reading(at) if not 600 <= at < 900 else reading(at, up=False, requests=0) for at in range(0, 1800, 60)]
    made = chart(silent)
    assert made.bands == (
        Band(since=START + timedelta(minutes=10), until=START + timedelta(minutes=15), label="No answer"),
    )
    assert "No answer 12:10 to 12:15." in made.words()
    assert [value for _, value in made.panels[0].series[0].points[10:15]] == [None] * 5
    still = chart([*silent[:10], *(reading(at, up=False) for at in range(600, 1800, 60))])
    assert "No answer 12:10 to 12:29." in still.words()


def test_where_nobody_looked_the_line_has_a_gap_and_without_requests_no_value() -> None:
    parted = [reading(at) for at in range(0, 1800, 30) if not 600 <= at < 1200]
    assert [value for _, value in chart(parted).panels[0].series[0].points].count(None) == 1
    idle = chart([reading(at, requests=0, p95=None) for at in (0, 60, 120)])
    assert "Error rate: no values." in idle.words()


def test_too_little_to_draw_a_line_of_is_no_chart() -> None:
    before = [reading(-60), reading(-30), reading(5)]
    assert measured_chart(WINDOW, before, (), Objectives()) is None


@pytest.mark.parametrize(
    ("what", "label"),
    [
        ({}, "scale 3 → 10"),
        ({"undoes": "plan-0"}, "undo: scale 3 → 10"),
        ({"action": "restart", "after": {"replicas": 3}}, "restart"),
        ({"state": PlanState.UNKNOWN, "took_effect": False}, "scale 3 → 10 (outcome unknown)"),
        ({"state": PlanState.UNDONE}, "scale 3 → 10"),
        ({"state": PlanState.FAILED, "took_effect": False}, ""),
        ({"state": PlanState.CANCELLED, "took_effect": False, "baseline": None}, ""),
    ],
)
def test_changes_that_were_made_are_marked(what: dict[str, object], label: str) -> None:
    assert [mark.label for mark in chart(None, plan(13, **what)).marks] == [label] * bool(label)


def test_changes_of_another_time_are_not_marked_and_many_are_counted() -> None:
    assert chart(None, plan(-1), plan(31)).marks == ()
    many = chart(None, *(plan(minute) for minute in range(9, 1, -1)))
    assert [mark.at for mark in many.marks] == sorted(mark.at for mark in many.marks)
    assert many.words().endswith("12:06: scale 3 → 10. And 3 more marks.")


# ---------------------------------------------------------------- drawings

EVIL = "</text><script>alert(1)</script> $x^2$ & \"'"


def crowded() -> Chart:
    """Everything that a chart can have, with names that nobody should trust."""
    lines = tuple(Series(name=f"line {n} {EVIL}", points=((START, n), (END, n + 1))) for n in range(5))
    panel = Panel(title=EVIL, unit="/s", series=lines, thresholds=(Threshold(label=EVIL, value=3),))
    empty = Panel(title="nothing", unit="", series=(Series(name="nothing", points=()),))
    marks = tuple(Mark(at=START + timedelta(minutes=n), label=f"{n} {EVIL}") for n in range(30))
    return Chart(title=EVIL, since=START, until=END, panels=(panel, empty), marks=marks, bands=chart().bands)


def test_a_picture_is_as_large_as_slack_shows_it_on_a_fine_screen() -> None:
    picture = charts.png(chart(None, plan(13)))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, 600 < height < 1000) == (1600, True)
    assert len(picture) < 300_000


def test_a_drawing_for_the_page_has_words_and_nothing_that_its_policy_refuses() -> None:
    drawn = drawing(crowded())
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img"
    assert root.get("aria-label") == crowded().words()
    shapes = {"path", "text", "use", "rect"}
    assert {one.tag for one in root.iter()} <= {"svg", "g", "defs", "clipPath", "pattern"} | shapes
    assert not re.search(r"<script|<style|style=|\bon\w+=|https?:", drawn)
    assert "$x^2$" in drawn, "it is shown as it was written"
    names = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]+)\)", drawn)) | set(re.findall(r' href="#([^"]+)"', drawn)) == set(names)
    assert {"stroke-line-0", "stroke-alarm", "fill-mark", "fill-ink"} <= set(re.findall(r"[a-z]+-[a-z0-9-]+", drawn))


async def test_a_page_shows_a_chart_that_was_prepared_and_else_its_words() -> None:
    renderer = Renderer(PEOPLE, version="0", assets="/static")
    view = FakeRecord().put("operations", Card(title="gateway", chart=crowded()))
    words = str(escape(crowded().words()))
    assert f"<figcaption>{words}</figcaption>" in renderer.message(view, ANA)
    await renderer.prepare(view)
    page = renderer.message(view, ANA)
    assert "figcaption" not in page
    assert '<svg viewBox="' in page
    assert 'role="img"' in page
    assert "<script" not in page
