"""The ways to stakeholders that are not channels, by the kinds of the settings.

Each library is loaded where a place is told by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.world.settings import MailSettings, StakeholderSettings
from bot.world.stakeholders import Sender
from commands.domain.stakeholder import Kind
from commands.ports import Clock


def connect(
    places: Mapping[str, StakeholderSettings], mail: MailSettings, clock: Clock, zone: str
) -> dict[str, Sender]:
    """Those who are told by more than a message here, by name."""
    outside = {name: place for name, place in places.items() if place.kind is not Kind.CHANNEL}
    return {name: _sender(place, mail, clock, zone) for name, place in outside.items()}


def _sender(place: StakeholderSettings, mail: MailSettings, clock: Clock, zone: str) -> Sender:
    url = place.url.get_secret_value()
    if place.kind is Kind.MAIL:
        from bot.adapters.stakeholders.mail import Mail

        return Mail(mail, place.to)
    if place.kind is Kind.TEAMS:
        from bot.adapters.stakeholders.teams import Connector, Workflow

        return Workflow(url, zone) if place.card == "adaptive" else Connector(url, zone)
    from bot.adapters.stakeholders.webhook import Webhook

    return Webhook(url, place.secret.get_secret_value(), clock.now)
