"""Messages on the timeline: told at their own time, as they read now, or not at all."""

from __future__ import annotations

from datetime import timedelta

from commands.cards import plain
from commands.domain.event import CaptureChanged, Captured, CaptureRemoved
from commands.domain.incident import Incident, IncidentEvent, Noted
from commands.domain.timeline import Entry, sentence, told
from tests.fakes import START


def entries(*events: tuple[float, IncidentEvent]) -> list[Entry]:
    return [
        Entry(position=n, at=START + timedelta(minutes=minutes), actor="ana", event=event)
        for n, (minutes, event) in enumerate(events, start=1)
    ]


def message(source: str = "m1", *, minute: float = 0, **more: object) -> Captured:
    said = {"source": source, "at": START + timedelta(minutes=minute), "text": "the pool is full", "author": "ben"}
    return Captured.model_validate(said | more)


def words(*events: tuple[float, IncidentEvent]) -> list[str]:
    return [plain(sentence(entry), {"ben": "Ben"}) for entry in told(entries(*events))]


def test_a_message_stands_at_its_own_time_not_at_the_time_of_its_capture() -> None:
    assert words((1, Noted(text="one")), (5, Noted(text="two")), (9, message(minute=3))) == [
        "@ana: one",
        "@Ben: the pool is full",
        "@ana: two",
    ]


def test_a_message_from_before_the_declaration_comes_first() -> None:
    assert words((1, Noted(text="one")), (9, message(minute=-30)))[0] == "@Ben: the pool is full"


def test_an_edited_message_reads_as_it_does_now() -> None:
    edited = CaptureChanged(source="m1", text="the pool was full", files=("graph.png",))
    assert words((1, message()), (2, edited)) == ["@Ben: the pool was full [graph.png]"]


def test_a_removed_message_is_gone_and_may_come_back() -> None:
    gone = CaptureRemoved(source="m1")
    assert words((1, message()), (2, gone)) == []
    assert words((1, message()), (2, gone), (3, CaptureChanged(source="m1", text="new"))) == []
    assert words((1, message()), (2, gone), (3, message(text="again"))) == ["@Ben: again"]


def test_other_events_keep_their_order_whatever_the_clocks_said() -> None:
    assert words((5, Noted(text="first")), (4, Noted(text="second"))) == ["@ana: first", "@ana: second"]


def test_who_is_nobody_here_has_a_name_and_the_link_leads_to_the_message() -> None:
    alert = message(author=None, author_name="Grafana", permalink="https://acme.slack.com/p1", files=("a.txt", "b.txt"))
    assert words((1, alert)) == ["Grafana: the pool is full [a.txt, b.txt] message (https://acme.slack.com/p1)"]
    assert words((1, message(author=None))) == ["Somebody: the pool is full"]


def test_each_of_the_events_has_a_sentence() -> None:
    found = entries(
        (1, CaptureChanged(source="m", text="x")),
        (2, CaptureRemoved(source="m")),
        (3, CaptureRemoved(source="m", how="deleted")),
    )
    assert [plain(sentence(one)) for one in found] == [
        "A captured message was edited: x",
        "A captured message was taken off",
        "A captured message was deleted",
    ]


def test_a_state_from_before_there_were_captures_can_be_read() -> None:
    old = {
        "id": "incident-20260301-001",
        "title": "API",
        "severity": "SEV1",
        "service": "gateway",
        "private": False,
        "channel": "incident-20260301-001",
        "platform": "console",
        "declared_by": "ana",
        "declared_at": START,
        "updated_at": START,
    }
    assert Incident.model_validate(old).captured == ()
