"""Tickets of incidents in other systems: what each is to be, and what is known of it."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.domain.errand import Integration


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class TicketDesk(_Value):
    """A system that keeps tickets: its name as people know it, and of which incidents it is told."""

    name: str
    severities: tuple[str, ...] = ()
    private: bool = False

    def wants(self, severity: str) -> bool:
        """Whether an incident as bad as that has a ticket there; all have where no severity is named."""
        return not self.severities or severity in self.severities

    @property
    def called(self) -> Integration:
        """As `/tocsin integrations` shows it."""
        return Integration(kind=self.name, name="")


class Step(_Value):
    """What a ticket is to be after something happened. `number` grows; `comment` is what is new, if anything is."""

    incident: str
    number: int
    title: str
    severity: str
    rank: int
    status: str
    service: str
    description: str
    comment: str = ""
    resolution: str = ""

    @property
    def summary(self) -> str:
        """`[SEV1] API answers 502`."""
        return f"[{self.severity}] {self.title}"

    @property
    def mark(self) -> str:
        """What tells our own words there, and that they are there already."""
        return f"(Tocsin, {self.incident}, {self.number})"


class Ticket(_Value):
    """One ticket. `key` is empty until it was made; `seen` is how it was left or last looked at."""

    incident: str
    system: str
    key: str = ""
    url: str = ""
    open: bool = True
    seen: dict[str, Any] = {}
    made_at: AwareDatetime
