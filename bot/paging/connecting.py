"""The pager that the settings name."""

from __future__ import annotations

from bot.adapters.opsgenie import Opsgenie
from bot.adapters.pagerduty import PagerDuty
from bot.paging.pager import Pager
from bot.paging.settings import addresses
from bot.settings import Settings


def pager_of(settings: Settings) -> Pager | None:
    """None: the chat calls people by itself."""
    people, mine = addresses(settings.people), settings.paging
    if mine.pagerduty:
        return PagerDuty(mine.pagerduty, people)
    return Opsgenie(mine.opsgenie, people) if mine.opsgenie else None
