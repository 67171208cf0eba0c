"""PagerDuty's webhooks, version 3: signed, one delivery tells of one event of one of its incidents."""

from __future__ import annotations

import hashlib
import hmac

from bot.alerts.kinds.kind import Delivery, Heard, Unreadable, document, same
from bot.alerts.saying import alert, text, within
from bot.alerts.settings import ReceiverSettings
from bot.paging.pager import Answered
from commands.domain.page import page_of

_BEGINS = {"incident.triggered", "incident.reopened"}
_ENDS = {"incident.resolved"}
#: What it tells of an incident that a page of ours opened there: somebody is on it, or was.
_ANSWERS = {"incident.acknowledged", "incident.resolved"}
_SIGNED_BY = "x-pagerduty-signature"


class PagerDuty:
    """See Kind."""

    name = "pagerduty"

    def wrong(self, settings: ReceiverSettings) -> str:
        """See Kind."""
        given = settings.secret.get_secret_value()
        return "" if given else "it needs the secret that PagerDuty shows when the subscription is made"

    async def admits(self, delivery: Delivery, settings: ReceiverSettings) -> bool:
        """While the secret is changed a delivery has several signatures; one that fits is enough."""
        digest = hmac.new(settings.secret.get_secret_value().encode(), delivery.body, hashlib.sha256).hexdigest()
        given = delivery.headers.get(_SIGNED_BY, "").split(",")
        return any(same(one.strip(), f"v1={digest}") for one in given)

    def read(self, delivery: Delivery, settings: ReceiverSettings) -> Heard:
        """What begins or ends an incident there; of those that we opened ourselves, who answered."""
        event = document(delivery.body).get("event")
        kind = text(within(event, "event_type")) if isinstance(event, dict) else ""
        if not isinstance(event, dict) or not kind:
            raise Unreadable("`event.event_type` must be there, as PagerDuty's webhooks of version 3 have it.")
        key = text(within(event, "data", "incident_key"))
        if page_of(key):
            name = text(within(event, "agent", "summary"))
            return Heard(answers=(Answered(key=key, name=name),) if kind in _ANSWERS else ())
        if kind not in _BEGINS | _ENDS:
            return Heard()
        created, now = within(event, "data", "created_at"), event.get("occurred_at")
        told = alert(
            delivery,
            settings,
            fingerprint=within(event, "data", "id"),
            firing=kind in _BEGINS,
            title=within(event, "data", "title"),
            labels={
                "number": within(event, "data", "number"),
                "incident_key": within(event, "data", "incident_key"),
                "escalation_policy": within(event, "data", "escalation_policy", "summary"),
            },
            service=within(event, "data", "service", "summary"),
            severity=within(event, "data", "priority", "summary") or within(event, "data", "urgency"),
            link=within(event, "data", "html_url"),
            starts_at={"incident.triggered": created, "incident.reopened": now}.get(kind),
            ends_at=now if kind in _ENDS else None,
        )
        return Heard((told,), id=text(event.get("id")))

    async def confirm(self, url: str) -> bool:  # noqa: ARG002
        """Who signs needs no other welcome."""
        return False


KIND = PagerDuty()
