"""What clients of a route are told that goes out of service: `Sunset`, `Deprecation` and where to read about it."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

from gateway.policies.settings import SunsetSettings
from gateway.proxy.admission import Rule
from gateway.proxy.message import Header

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings


def sunset_policy(route: RouteSettings) -> tuple[Rule, ...]:
    """The rule that adds the fields to every answer of the route, errors included."""
    if route.sunset is None:
        return ()
    fields = sunset_fields(route.sunset)

    def tells(exchange: Exchange) -> None:
        exchange.answer_headers += fields

    return (tells,)


def sunset_fields(settings: SunsetSettings) -> tuple[Header, ...]:
    """The fields, as RFC 8594 and RFC 9745 have them."""
    fields = [(b"sunset", format_datetime(settings.at.astimezone(UTC), usegmt=True).encode())]
    if settings.deprecated_at is not None:
        fields.append((b"deprecation", b"@%d" % int(settings.deprecated_at.timestamp())))
    if settings.link is not None:
        fields.append((b"link", b'<%s>; rel="sunset"' % settings.link.encode()))
    return tuple(fields)
