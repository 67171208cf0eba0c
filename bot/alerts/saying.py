"""From what a sender wrote to an alert: shortened, redacted, in UTC; what is missing is said."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.alerts.kinds.kind import Delivery, Unreadable
from bot.alerts.settings import ReceiverSettings
from bot.delivery import legible
from commands.domain.alert import Alert, AlertState
from commands.presentation.words import cut
from commands.redaction import redact, redact_value

MOST_ALERTS = 2000
_TITLE, _DESCRIPTION, _VALUE, _LABELS, _LINK, _NAME = 200, 1000, 300, 40, 1000, 100
_SERVICE, _FINGERPRINT = 63, 80
_MILLISECONDS = 1e11


def alert(  # noqa: PLR0913 - an alert has as many parts
    delivery: Delivery,
    settings: ReceiverSettings,
    *,
    fingerprint: Any,
    firing: bool,
    title: Any,
    labels: Mapping[str, Any] | None = None,
    service: Any = "",
    description: Any = "",
    severity: Any = "",
    link: Any = "",
    starts_at: Any = None,
    ends_at: Any = None,
) -> Alert:
    """An alert as it is stored. Raises Unreadable where something that it must have is missing or no time."""
    told = told_labels(labels or {})
    name = words(title, _TITLE)
    if not name:
        raise Unreadable("An alert has no title.")
    named = text(service) or told.get(settings.service_label) or delivery.service
    return Alert(
        receiver=delivery.receiver,
        fingerprint=_fingerprint(fingerprint, name, told),
        state=AlertState.FIRING if firing else AlertState.RESOLVED,
        title=name,
        service="-".join(named.split())[:_SERVICE],
        description=redact(cut(text(description), _DESCRIPTION)),
        severity=cut(text(severity), _NAME),
        labels=told,
        link=address(link),
        starts_at=when(starts_at, "starts"),
        ends_at=when(ends_at, "ends"),
    )


def text(value: Any) -> str:
    """A value as text, in which nothing is that could not be stored."""
    if value is None or isinstance(value, dict | list):
        return ""
    return legible(value if isinstance(value, str) else str(value)).strip()


def words(value: Any, limit: int) -> str:
    """One line of text without secrets."""
    return redact(cut(" ".join(text(value).split()), limit))


def told_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    """The first labels, shortened and without secrets."""
    if not isinstance(labels, Mapping):
        raise Unreadable(f"The labels must be an object, not a {type(labels).__name__}.")
    pairs = list(labels.items())[:_LABELS]
    told = {cut(legible(str(name)), _NAME): cut(text(value), _VALUE) for name, value in pairs}
    masked: dict[str, str] = redact_value(told)
    return masked


def address(value: Any) -> str:
    """A link that a person can follow, or nothing."""
    url = text(value)
    return redact(url) if url.startswith(("https://", "http://")) and len(url) <= _LINK else ""


def when(value: Any, what: str) -> datetime | None:
    """A time in any of the forms that senders use; None for none. Raises Unreadable for what is no time."""
    if value in {None, "", 0, -1}:
        return None
    try:
        at = _from_number(float(value)) if _is_number(value) else datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"The time when an alert {what} is no time: {cut(text(value), 40)!r}.") from None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC) if aware.year > 1970 else None  # year 1 is how Go writes that there is none


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdecimal())


def _from_number(value: float) -> datetime:
    if not math.isfinite(value):
        raise ValueError(value)
    return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)


def _fingerprint(given: Any, title: str, labels: Mapping[str, str]) -> str:
    """The sender's own; where it has none, what the alert is called and its labels."""
    own = "".join(text(given).split())
    if own and len(own) <= _FINGERPRINT:
        return own
    seed = own or "\n".join([title, *(f"{name}={value}" for name, value in sorted(labels.items()))])
    return hashlib.sha256(seed.encode()).hexdigest()[:16]


def listed(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in a list of a document. Raises Unreadable."""
    found = content.get(key)
    if not isinstance(found, list):
        raise Unreadable(f"`{key}` must be a list.")
    if len(found) > MOST_ALERTS:
        raise Unreadable(f"`{key}` has {len(found):,} entries; at most {MOST_ALERTS:,} are taken at once.")
    if not all(isinstance(one, dict) for one in found):
        raise Unreadable(f"Each entry of `{key}` must be an object.")
    return found


def within(content: Mapping[str, Any], *keys: str) -> Any:
    """What stands at a path of keys, or None."""
    found: Any = content
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
