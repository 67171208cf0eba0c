"""An incident is what its events add up to: rebuilt from them, it equals the stored projection."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.store import schema
from bot.store.incidents import SqlIncidents, rebuild
from commands.domain.event import ActionFinished, CaptureChanged, Captured, CaptureRemoved
from commands.domain.incident import (
    Declared,
    HandoverAnswered,
    HandoverOffered,
    Incident,
    IncidentEvent,
    Linked,
    Measured,
    Noted,
    NoteKind,
    Reopened,
    Resolved,
    Role,
    RoleAssigned,
    RoleReleased,
    SeverityChanged,
    Status,
    StatusChanged,
    begin,
    evolve,
)
from commands.domain.severity import SEV1_TO_SEV4
from commands.domain.timeline import sentence
from tests.fakes import START

NAME = "incident-20260301-001"
DECLARED = Declared(
    incident=NAME, severity="SEV1", title="API", service="gateway", declared_by="ana", channel=NAME, platform="console"
)
PEOPLE, TEXT = st.sampled_from(["ana", "ben", "chloe", "tocsin"]), st.text(max_size=20)
ROLES, LEVELS = st.sampled_from(Role), st.sampled_from(["SEV1", "SEV2", "SEV3"])
EVENTS: st.SearchStrategy[IncidentEvent] = st.one_of(
    st.builds(StatusChanged, before=st.sampled_from(Status), after=st.sampled_from(Status), note=TEXT),
    st.builds(SeverityChanged, before=LEVELS, after=LEVELS, reason=TEXT),
    st.builds(RoleAssigned, role=ROLES, person=PEOPLE, previous=st.none() | PEOPLE),
    st.builds(RoleReleased, role=ROLES, person=PEOPLE),
    st.builds(Noted, text=TEXT, marked=st.sampled_from(NoteKind)),
    st.builds(Linked, url=st.just("https://x.example"), label=TEXT),
    st.builds(Resolved, summary=TEXT),
    st.builds(Reopened, reason=TEXT),
    st.builds(
        HandoverOffered,
        offer=TEXT,
        roles=st.lists(ROLES, unique=True).map(tuple),
        outgoing=PEOPLE,
        incoming=st.none() | PEOPLE,
    ),
    st.builds(HandoverAnswered, offer=TEXT, accepted=st.booleans(), person=PEOPLE),
    st.builds(ActionFinished, plan=TEXT, summary=TEXT, outcome=TEXT, detail=TEXT),
    st.builds(Measured, text=TEXT),
    st.builds(Captured, source=TEXT, at=st.just(START), text=TEXT, author=st.none() | PEOPLE, permalink=TEXT),
    st.builds(CaptureChanged, source=TEXT, text=TEXT),
    st.builds(CaptureRemoved, source=TEXT, how=st.sampled_from(["taken_off", "deleted"])),
)
HISTORIES = st.lists(st.tuples(EVENTS, PEOPLE, st.integers(0, 10_000)), max_size=12)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> sa.Engine:
    file: Path = tmp_path_factory.mktemp("projection") / "tocsin.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    schema.metadata.create_all(engine)
    return engine


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_the_projection_is_what_the_events_add_up_to(
    engine: sa.Engine, history: list[tuple[IncidentEvent, str, int]]
) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        keys = iter(range(1000))
        at = START
        SqlIncidents(connection, at, lambda: f"{next(keys)}").declare(DECLARED, actor="ana")
        for event, actor, later in history:
            at += timedelta(seconds=later)
            SqlIncidents(connection, at, lambda: f"{next(keys)}").record(NAME, event, actor=actor)
        found = SqlIncidents(connection, at, lambda: "")
        assert rebuild(found.timeline(NAME)) == found.get(NAME)
        assert found.get(NAME).version == len(history) + 1
        assert all(sentence(entry) for entry in found.timeline(NAME))
        transaction.rollback()


@given(HISTORIES)
def test_what_holds_of_every_incident(history: list[tuple[IncidentEvent, str, int]]) -> None:
    incident = begin(DECLARED, START)
    for event, actor, _ in history:
        incident = evolve(incident, event, actor=actor, at=START)
        assert Incident.model_validate_json(incident.model_dump_json()) == incident
        assert len(set(incident.responders)) == len(incident.responders)
        assert "tocsin" not in incident.responders
        assert {role for person in set(incident.roles.values()) for role in incident.held_by(person)} == set(
            incident.roles
        )
        due = incident.next_update_due(SEV1_TO_SEV4)
        assert due is None or incident.status.is_open


def test_an_incident_that_ended_owes_no_update_and_its_clock_stands() -> None:
    ended = evolve(begin(DECLARED, START), Resolved(), actor="ana", at=START + timedelta(minutes=30))
    assert ended.next_update_due(SEV1_TO_SEV4) is None
    assert ended.duration(START + timedelta(days=9)) == timedelta(minutes=30)
    again = evolve(ended, Reopened(), actor="ana", at=START + timedelta(minutes=40))
    assert again.duration(START + timedelta(minutes=50)) == timedelta(minutes=50)
    assert again.next_update_due(SEV1_TO_SEV4) == START + timedelta(minutes=55)
