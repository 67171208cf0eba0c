"""Tells each stakeholder that is not a channel: the errands of `commands.world.telling`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bot.errands import Runner, Settle
from commands.domain.errand import Errand, Integration
from commands.domain.stakeholder import Brief, StakeholderUpdate
from commands.world.telling import stakeholder_called
from templates.render import render


class Sender(Protocol):
    """The way to one place."""

    async def send(self, update: StakeholderUpdate, *, text: str, html: str) -> None:
        """Tell it; a second time is harmless, or said to be the same.

        Raises:
            Rejected: refused with certainty. Overloaded: not now. Unavailable: no clear answer.
        """


class Telling:
    """See Runner: one place."""

    def __init__(self, sender: Sender, zone: str) -> None:
        self._sender = sender
        self._zone = zone

    async def run(self, errand: Errand) -> Settle:
        """See Runner."""
        update = StakeholderUpdate.model_validate(errand.body)
        await self._sender.send(update, text=self.text(update.brief), html=self.html(update.brief))
        return lambda tx: tx.stakeholders.reached(update.id)

    def text(self, brief: Brief) -> str:
        """As plain text."""
        return render(f"stakeholders/{brief.form.value}.txt.j2", brief=brief, zone=self._zone)

    def html(self, brief: Brief) -> str:
        """For mail."""
        return render("stakeholders/mail.html.j2", brief=brief, zone=self._zone)


def runners(senders: Mapping[str, Sender], zone: str) -> dict[Integration, Runner]:
    """One for each place, by its name in the settings."""
    return {stakeholder_called(name): Telling(sender, zone) for name, sender in senders.items()}
