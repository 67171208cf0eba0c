"""The registry: handlers are found by themselves, and two of one name are a mistake."""

from __future__ import annotations

import pytest

from commands.domain.incident import Declared, Role, Status, begin
from commands.handlers.common import Nothing
from commands.people import OrgRole, Person
from commands.registry import ADMINS, OPERATORS, READERS, RESPONDERS, Click, Command, Registry, Reply, Where, discover
from tests.fakes import START


def command(*path: str) -> Command:
    return Command(path=path, args=Nothing, summary="Do it.", example="/x", decide=lambda *_: Reply(None))  # type: ignore[arg-type]


def test_what_the_issue_asks_for_is_there() -> None:
    names = {one.name for one in discover().commands.values()}
    incident = "declare list show status severity role note link resolve reopen timeline"
    gateway = "status health pods logs errors metrics config history scale restart undo"
    assert {f"/incident {name}" for name in incident.split()} <= names
    assert {f"/gw {name}" for name in gateway.split()} <= names
    assert {"/handover", "/postmortem", "/postmortem show", "/postmortem export", "/audit verify", "/help"} <= names
    assert {"/incident role claim", "/incident role release"} <= names


def test_two_of_one_name_are_a_mistake() -> None:
    registry = Registry()
    registry.add([command("x")], [Click("a", lambda *_: None)])
    with pytest.raises(ValueError, match="two handlers declare /x"):
        registry.add([command("x")])
    with pytest.raises(ValueError, match="two handlers declare the click a"):
        registry.add([], [Click("a", lambda *_: None)])


def test_access_comes_from_a_standing_role_or_one_in_the_incident() -> None:
    viewer = Person(id="eve", name="Eve", roles=frozenset({OrgRole.VIEWER}))
    assert [access.allows(viewer, None) for access in (READERS, RESPONDERS, OPERATORS, ADMINS)] == [
        True,
        False,
        False,
        False,
    ]
    assert OPERATORS.words() == "operators, admins, the incident commander, the technical lead"
    assert READERS.words() == "viewers, responders, operators, admins"


def test_a_role_in_an_incident_counts_while_it_is_open() -> None:
    chloe = Person(id="chloe", name="Chloé", roles=frozenset({OrgRole.RESPONDER}))
    declared = Declared(
        incident="i-1",
        severity="SEV1",
        title="x",
        service="gateway",
        declared_by="ana",
        channel="i-1",
        platform="console",
    )
    incident = begin(declared, START).model_copy(update={"roles": {Role.COMMANDER: "chloe"}})
    for status in Status:
        now = incident.model_copy(update={"status": status})
        assert OPERATORS.allows(chloe, now) == status.is_open
        assert RESPONDERS.allows(chloe, now)


def test_every_click_of_a_button_is_known() -> None:
    assert {
        "role.claim",
        "incident.reopen",
        "plan.confirm",
        "plan.cancel",
        "handover.accept",
        "handover.decline",
    } <= set(discover().clicks)


def test_what_needs_an_incident_is_marked() -> None:
    where = {one.name: one.where for one in discover().commands.values()}
    assert where["/incident note"] is where["/handover"] is Where.INCIDENT
    assert where["/gw scale"] is where["/incident declare"] is Where.ANYWHERE
    assert [role.full_name for role in Role] == ["Incident commander", "Technical lead", "Communications lead"]
