"""Who is on duty: what the rotation, the list or the pager says, and who stands in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from commands.context import Services
from commands.domain.page import Override
from commands.ports import Contact, Transaction


def named(service: str, services: Services, at: datetime) -> list[Contact]:
    """Whom the settings name: who is on call where no other system says so, or while that does not answer."""
    shifts = enumerate(services.paging.on_duty(service, at), start=1)
    return [Contact(person=one.person, level=level, until=one.until, after=one.after) for level, one in shifts]


def override_of(service: str, services: Services, tx: Transaction) -> Override | None:
    """Who stands in for a service now, by its own override or that for all; where a pager decides, nobody does here."""
    if services.paging.decides:
        return None
    found = {one.service: one for one in tx.pages.overrides(tx.now)}
    return found.get(service) or found.get("*")


def effective(contacts: Iterable[Contact], service: str, services: Services, tx: Transaction) -> list[Contact]:
    """Who is called for a service, first level first: who stands in takes the first place."""
    known, override = list(contacts), override_of(service, services, tx)
    if override is None:
        return known
    behind = [one for one in known[1:] if one.person != override.person]
    before = known[0] if known and known[0].person != override.person else None
    # Who comes after a stand-in is only told where the shift under it lasts longer.
    after = before.person if before and (before.until is None or override.until < before.until) else ""
    first = Contact(person=override.person, level=1, until=override.until, after=after)
    return [first, *(one.model_copy(update={"level": level}) for level, one in enumerate(behind, start=2))]
