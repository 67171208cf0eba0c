"""Rules about headers: what is set, added and removed on the way to an upstream, and on the way back to a client."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.policies.settings import HeaderRules, HeaderSettings
from gateway.proxy.admission import Rule
from gateway.proxy.rewriting import HeaderEdits

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings


class Headers:
    """The rules of all routes, and after them those of one: a route's own word is the last."""

    def __init__(self, settings: HeaderSettings) -> None:
        self._answers, self._requests = _edits(settings.response), _edits(settings.request)

    def answer_policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """What is done to answers, those of the gateway itself included: it comes before what may refuse."""
        own = route.headers
        edits = self._answers if own is None else merged(self._answers, _edits(own.response))
        if edits == _NOTHING:
            return ()

        def told(exchange: Exchange) -> None:
            exchange.answer_headers += edits.added
            exchange.dropped_answer_headers |= edits.dropped

        return (told,)

    def request_policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """What is done to requests. It comes after authentication, which writes headers, too."""
        own = route.headers
        edits = self._requests if own is None else merged(self._requests, _edits(own.request))
        if edits == _NOTHING:
            return ()

        def written(exchange: Exchange) -> None:
            before = exchange.request_headers
            exchange.request_headers = edits if before is None else merged(before, edits)

        return (written,)


_NOTHING = HeaderEdits()


def _edits(rules: HeaderRules) -> HeaderEdits:
    names = {name.encode() for name in (*rules.set, *rules.remove)}
    values = [*rules.set.items(), *rules.add.items()]
    return HeaderEdits(frozenset(names), tuple((name.encode(), value.encode("latin-1")) for name, value in values))


@lru_cache(maxsize=4096)  # The same clients ask the same routes.
def merged(first: HeaderEdits, then: HeaderEdits) -> HeaderEdits:
    """Both, one after the other."""
    kept = tuple(header for header in first.added if header[0] not in then.dropped)
    return HeaderEdits(first.dropped | then.dropped, kept + then.added)
