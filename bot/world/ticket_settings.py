"""The settings of ticket systems. Both are off by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from bot.sections import Section
from bot.world.settings import check_address
from commands.domain.incident import Status
from commands.domain.severity import Scheme
from commands.domain.ticket import TicketDesk
from commands.errors import Malformed

#: The status of an incident, and what a ticket's is called then.
States = dict[Status, Annotated[str, Field(min_length=1)]]


def _states(while_open: str, afterwards: str) -> States:
    return {status: while_open if status.is_open else afterwards for status in Status}


class _System(Section):
    enabled: bool = False
    url: str = ""
    user: str = ""
    severities: tuple[str, ...] = ()
    private: bool = False


class JiraSettings(_System):
    """Jira Cloud, or a Jira of one's own. `states` and `priorities` in the words of its workflow."""

    token: SecretStr = SecretStr("")
    cloud: bool = True
    project: str = ""
    issue_type: str = "Task"
    priorities: dict[str, str] = Field(default_factory=dict)
    states: States = Field(default_factory=lambda: _states("In Progress", "Done"))


class ServiceNowSettings(_System):
    """ServiceNow: incidents by its Table API. `states` are the numbers of its states."""

    password: SecretStr = SecretStr("")
    table: str = "incident"
    assignment_group: str = ""
    caller: str = ""
    close_code: str = "Solution provided"
    states: States = Field(default_factory=lambda: _states("2", "6"))


class TicketSettings(Section):
    """Where incidents have tickets, and how often it is looked at what became of them there."""

    every_seconds: float = Field(default=60, gt=0)
    jira: JiraSettings = JiraSettings()
    servicenow: ServiceNowSettings = ServiceNowSettings()

    @model_validator(mode="after")
    def _are_whole(self) -> TicketSettings:
        if self.jira.enabled:
            check_address(self.jira.url)
        if self.servicenow.enabled and not self.servicenow.url.startswith("https://"):
            raise ValueError("servicenow.url: the address of an instance begins with https://")
        if self.jira.enabled and not self.jira.project:
            raise ValueError("jira.project: tickets belong to a project; give its key")
        if self.servicenow.enabled and not self.servicenow.user:
            raise ValueError("servicenow.user: somebody signs in there")
        return self

    def enabled(self) -> Iterator[tuple[str, _System]]:
        """Those that are on, by what people call them."""
        known = (("Jira", self.jira), ("ServiceNow", self.servicenow))
        return ((name, one) for name, one in known if one.enabled)

    def desks(self, scheme: Scheme) -> tuple[TicketDesk, ...]:
        """As the core knows them. Raises ValueError for a severity that there is not."""
        found = []
        for name, one in self.enabled():
            try:
                severities = tuple(scheme.parse(severity).id for severity in one.severities)
            except Malformed as refused:
                raise ValueError(f"tickets.{name.casefold()}.severities: {refused.words()}") from None
            found.append(TicketDesk(name=name, severities=severities, private=one.private))
        return tuple(found)
