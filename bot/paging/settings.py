"""The settings of paging: who is on duty by turns, how long an answer may take, and which pager rings people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bot.sections import TimeOfDay
from commands.domain.page import Paging
from commands.domain.rotation import Layer
from commands.domain.severity import Scheme
from commands.errors import Malformed
from commands.policy.windows import Window, known_zone

#: The adapters of on_call that are pagers: whoever stands in is said there.
PAGERS = frozenset({"pagerduty", "opsgenie"})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LayerSettings(_Section):
    """People who relieve each other. `start`: the day of the first handoff."""

    people: tuple[str, ...] = Field(min_length=1)
    start: date
    handoff: TimeOfDay = time(9)
    zone: str = "UTC"
    days: int = Field(default=7, ge=1, le=366)
    hours: Window | None = None

    _zone = field_validator("zone")(known_zone)

    @field_validator("handoff")
    @classmethod
    def _on_the_wall(cls, handoff: time) -> time:
        if handoff.tzinfo is not None:
            raise ValueError("it is a time of the clock on the wall; the zone is said by `zone`")
        return handoff

    @field_validator("hours")
    @classmethod
    def _weekly(cls, hours: Window | None) -> Window | None:
        if hours and not hours.days:
            raise ValueError("hours are weekly: say the days")
        return hours

    def layer(self) -> Layer:
        """As the core knows it."""
        return Layer.model_validate(self.model_dump(exclude={"hours"}) | {"hours": self.hours})


class PagerDutySettings(_Section):
    """PagerDuty. `routing_keys`: an Events API v2 key by service, `*`, `level 2` or `@ben`.

    A person who has none is rung by their address, as an incident of `service_id` that `from_email` opens.
    """

    routing_keys: dict[str, SecretStr] = Field(min_length=1)
    api_token: SecretStr = SecretStr("")
    service_id: str = ""
    from_email: str = ""
    escalation_policies: dict[str, str] = {}
    events_url: str = Field(default="https://events.pagerduty.com", pattern="^https://")
    api_url: str = Field(default="https://api.pagerduty.com", pattern="^https://")
    timeout_seconds: float = Field(default=8, gt=0, le=25)

    @model_validator(mode="after")
    def _people_are_whole(self) -> PagerDutySettings:
        given = [self.service_id, self.from_email]
        if any(given) and not (all(given) and self.api_token.get_secret_value()):
            raise ValueError(
                "service_id and from_email ring a person together, with an api_token; leave out both or neither"
            )
        return self

    @property
    def rings_people(self) -> bool:
        """Whether a person is rung by their address."""
        return bool(self.service_id)


class ResponderSettings(_Section):
    """Whom Opsgenie rings."""

    type: Literal["team", "schedule", "escalation", "user"]
    name: str = Field(min_length=1)


class OpsgenieSettings(_Section):
    """Opsgenie. `responders`: by service, `*` or `level 2`; a person is rung by their `email`."""

    api_key: SecretStr
    responders: dict[str, ResponderSettings] = Field(min_length=1)
    schedules: dict[str, str] = {}
    url: str = Field(default="https://api.opsgenie.com", pattern="^https://")
    timeout_seconds: float = Field(default=8, gt=0, le=25)

    @field_validator("api_key")
    @classmethod
    def _is_there(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value():
            raise ValueError("it is empty")
        return key


class PagingSettings(_Section):
    """How people are called."""

    answer_within_minutes: float = Field(default=5, gt=0, le=1440)
    at_declaration: tuple[str, ...] = ()
    numbers_in_channels: bool = True
    rotations: dict[str, tuple[LayerSettings, ...]] = {}
    ask_every_seconds: float = Field(default=15, gt=0)
    pagerduty: PagerDutySettings | None = None
    opsgenie: OpsgenieSettings | None = None

    @model_validator(mode="after")
    def _one_pager(self) -> PagingSettings:
        if self.pagerduty and self.opsgenie:
            raise ValueError("pagerduty and opsgenie: one of them rings people, not both")
        return self

    @property
    def pager(self) -> str:
        """The pager's name, or nothing."""
        return "PagerDuty" if self.pagerduty else "Opsgenie" if self.opsgenie else ""

    def check(self, people: Collection[str], scheme: Scheme) -> None:
        """Raises ValueError for people and severities that there are not."""
        for service, layers in self.rotations.items():
            missing = sorted({one for layer in layers for one in layer.people if one not in people})
            if missing:
                raise ValueError(f"paging.rotations.{service} names {', '.join(missing)}, who is not among people")
        for severity in self.at_declaration:
            try:
                scheme.parse(severity)
            except Malformed as refused:
                raise ValueError(f"paging.at_declaration: {refused.words()}") from None

    def paging(self, on_call: Mapping[str, Sequence[str]], scheme: Scheme, *, decides: bool) -> Paging:
        """As the core knows it. `decides`: a pager says who is on duty."""
        takes = self.pagerduty.routing_keys if self.pagerduty else self.opsgenie.responders if self.opsgenie else ()
        named = (*on_call, *self.rotations, *(one for one in takes if not one.startswith(("@", "level "))))
        return Paging(
            answer_within=timedelta(minutes=self.answer_within_minutes),
            at_declaration=frozenset(scheme.parse(one).id for one in self.at_declaration),
            numbers_in_channels=self.numbers_in_channels,
            services=tuple(sorted({one for one in named if one != "*"})),
            always={service: tuple(people) for service, people in on_call.items()},
            rotations={service: tuple(one.layer() for one in layers) for service, layers in self.rotations.items()},
            pager=self.pager,
            takes=frozenset(takes),
            takes_people=self.opsgenie is not None or bool(self.pagerduty and self.pagerduty.rings_people),
            decides=decides,
        )


class _Addressed(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def email(self) -> str: ...


def addresses(people: Iterable[_Addressed]) -> dict[str, str]:
    """Our ids by address, as a pager knows people."""
    return {one.email.casefold(): one.id for one in people if one.email}
