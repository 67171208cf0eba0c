"""Who: people, standing roles, roles in the incident at hand, groups of chat platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from commands.domain.incident import Incident, Role
from commands.people import SYSTEM, OrgRole, Person

T = TypeVar("T")
PersonId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9-]+:\S+$")]


class Section(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class People(Section):
    """Everybody who is named in one of its lists. An incident's roles count while it is open."""

    people: tuple[PersonId, ...] = ()
    roles: tuple[OrgRole, ...] = ()
    incident_roles: tuple[Role, ...] = ()
    groups: tuple[GroupName, ...] = ()
    anyone: bool = False

    @model_validator(mode="after")
    def _names_somebody(self) -> People:
        if self.is_empty:
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"it names nobody; give at least one of {known}, or leave it out")
        return self

    @property
    def is_empty(self) -> bool:
        """Whether nobody is named."""
        return not (self.people or self.roles or self.incident_roles or self.groups or self.anyone)

    @property
    def is_the_bot(self) -> bool:
        """Whether nobody but Tocsin itself is named."""
        return self == People(people=(SYSTEM.id,))

    def covers(self, person: Person, incident: Incident | None) -> bool:
        """Whether somebody is one of them, given the incident at hand."""
        held = set(incident.held_by(person.id)) if incident and incident.status.is_open else set()
        return (
            self.anyone
            or person.id in self.people
            or bool(person.roles.intersection(self.roles))
            or bool(held.intersection(self.incident_roles))
            or bool(person.groups.intersection(self.groups))
        )

    def joined(self, other: People) -> People:
        """Everybody who is in one of the two."""
        return People(
            people=_union(self.people, other.people),
            roles=_union(self.roles, other.roles),
            incident_roles=_union(self.incident_roles, other.incident_roles),
            groups=_union(self.groups, other.groups),
            anyone=self.anyone or other.anyone,
        )

    def words(self) -> str:
        """Who they are, as a sentence says it."""
        if self.anyone:
            return "anyone"
        roles = [f"{role.value}s" for role in OrgRole if role in self.roles]
        held = [f"the {role.full_name.lower()}" for role in Role if role in self.incident_roles]
        groups = [f"the group {group}" for group in self.groups]
        return ", ".join([*roles, *held, *groups, *(f"@{person}" for person in self.people)])


class Who(People):
    """As `People`, and everybody of the named `sets` of the policy."""

    sets: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is named."""
        return super().is_empty and not self.sets

    def resolved(self, sets: Mapping[str, People]) -> People:
        """The people, with those of the sets; it stands without the policy."""
        own = People.model_construct(
            people=self.people,
            roles=self.roles,
            incident_roles=self.incident_roles,
            groups=self.groups,
            anyone=self.anyone,
        )
        for name in self.sets:
            own = own.joined(sets[name])
        return own


def _union(one: tuple[T, ...], other: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*one, *other)))
