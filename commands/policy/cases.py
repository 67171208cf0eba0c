"""Cases that are kept beside a policy: who asks what, in which situation, and what the policy is expected to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from commands.domain.incident import Declared, Incident, Role, begin
from commands.people import OrgRole, Person
from commands.policy.deciding import explain
from commands.policy.document import Class, Duration, Level, Policy
from commands.policy.people import GroupName, PersonId, Section
from commands.policy.question import Decision, Explanation, Question, Recent
from commands.policy.windows import known_zone

#: When a case happens that does not say: a Wednesday, at noon.
SOME_DAY = datetime(2026, 1, 7, 12, tzinfo=UTC)


def _instant(value: Any) -> Any:
    """`2026-12-24 12:00 Europe/Berlin`, or ISO 8601 with its offset; UTC where none is named."""
    if not isinstance(value, str):
        return value
    text, _, zone = value.strip().rpartition(" ")
    if "/" not in zone and zone != "UTC":
        text, zone = value.strip(), "UTC"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a time is written as 2026-12-24 12:00 Europe/Berlin") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(known_zone(zone)))


def _aware(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


class Before(Section):
    """What was done before: a command on the same target, how long ago, and the percent of capacity that it removed."""

    command: str
    ago: Duration
    removed: float = Field(default=0, ge=0, le=100)


class Expected(Section):
    """What the policy should answer; what is left out may be anything. `rule`: "none" where no rule fits."""

    effect: Literal["allow", "deny"]
    rule: str | None = None
    approvals: int | None = None
    says: str = ""


class Case(Section):
    """One question, and the answer that is expected. `incident` is the severity of the open incident at hand."""

    name: str
    as_: PersonId = Field(default="somebody", alias="as")
    roles: tuple[OrgRole, ...] = (OrgRole.RESPONDER,)
    incident_roles: tuple[Role, ...] = ()
    groups: tuple[GroupName, ...] = ()
    incident: Level = ""
    at: Annotated[datetime, BeforeValidator(_instant), AfterValidator(_aware)] = SOME_DAY
    command: str
    class_: Class | None = Field(default=None, alias="class")
    platform: str = "console"
    channel: str = "general"
    service: str = ""
    cluster: str = ""
    namespace: str = ""
    removes: float = Field(default=0, ge=0, le=100)
    recent: tuple[Before, ...] = ()
    expect: Expected

    @model_validator(mode="after")
    def _roles_have_an_incident(self) -> Case:
        if self.incident_roles and not self.incident:
            raise ValueError("incident_roles are held in an incident; give its severity as incident")
        return self


class Cases(Section):
    """The whole file."""

    cases: tuple[Case, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Command:
    """A command of a case, as the grammar reads it."""

    path: tuple[str, ...]
    klass: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of a case; `differences` is empty where it is as expected."""

    case: Case
    differences: tuple[str, ...]
    explanation: Explanation


def run(policy: Policy, cases: Cases, understand: Callable[[Case, str], Command], *, service: str) -> Iterator[Result]:
    """Ask each case. `understand` reads a line as typed; it may raise Refusal."""
    for case in cases.cases:
        explanation = explain(policy, _question(case, understand, service))
        yield Result(case, tuple(_differences(case.expect, explanation.decision)), explanation)


def _question(case: Case, understand: Callable[[Case, str], Command], service: str) -> Question:
    command, about = understand(case, case.command), case.service or service
    return Question(
        command=command.path,
        klass=case.class_ or command.klass,
        person=Person(id=case.as_, name=case.as_, roles=frozenset(case.roles), groups=frozenset(case.groups)),
        incident=_incident(case),
        now=case.at,
        platform=case.platform,
        channel=case.channel,
        service=about,
        cluster=case.cluster,
        namespace=case.namespace,
        target=about,
        arguments=command.arguments,
        recent=tuple(_recent(case, one, understand, about) for one in case.recent),
        removes_percent=case.removes,
    )


def _recent(case: Case, before: Before, understand: Callable[[Case, str], Command], about: str) -> Recent:
    path = understand(case, before.command).path
    return Recent(about, about, path, case.at - before.ago, before.removed)


def _incident(case: Case) -> Incident | None:
    if not case.incident:
        return None
    declared = Declared(
        incident="incident-of-the-case",
        severity=case.incident,
        title=case.name,
        service=case.service,
        declared_by=case.as_,
        channel=case.channel,
        platform=case.platform,
    )
    return begin(declared, case.at).model_copy(update={"roles": dict.fromkeys(case.incident_roles, case.as_)})


def _differences(expected: Expected, found: Decision) -> Iterator[str]:
    effect = "allow" if found.allowed else "deny"
    if effect != expected.effect:
        yield f"effect: {expected.effect} was expected, it is {effect}"
    if expected.rule is not None and expected.rule != (found.rule or "none"):
        yield f"rule: {expected.rule} was expected, it is {found.rule or 'none'}"
    if expected.approvals is not None and expected.approvals != found.approvals:
        yield f"approvals: {expected.approvals} was expected, it is {found.approvals}"
    if expected.says and expected.says not in f"{found.reason} {found.hint}":
        yield f"says: “{expected.says}” was expected, it is “{f'{found.reason} {found.hint}'.strip()}”"
