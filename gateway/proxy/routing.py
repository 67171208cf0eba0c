"""Choosing the route of a request: the longest path prefix wins, then its methods decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.proxy.admission import Policy, Rule
from gateway.settings import RouteSettings


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the routing table."""

    id: str
    prefix: bytes
    methods: frozenset[bytes]
    upstream_id: str
    strip_prefix: bool
    upgrades: frozenset[bytes] = frozenset()
    """Protocols that clients may go over to, with the upstream, through the gateway."""
    rules: tuple[Rule, ...] = ()
    """What is asked, in this order, before a request is forwarded."""

    def upstream_target(self, target: bytes) -> bytes:
        """The target for the upstream: as it came, or without the route's prefix."""
        if not self.strip_prefix:
            return target
        rest = target[len(self.prefix.rstrip(b"/")) :]
        return rest if rest.startswith(b"/") else b"/" + rest


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why no route takes the request; `allowed` is empty when no path matches (404, otherwise 405)."""

    allowed: tuple[bytes, ...]


class RoutingTable:
    """All routes, the longest prefixes first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        ordered = sorted(routes, key=lambda route: -len(route.prefix))
        self._routes = [(route.prefix, route.prefix.removesuffix(b"/") + b"/", route) for route in ordered]
        """Each with what the paths below its prefix begin with."""

    def find(self, method: bytes, path: bytes) -> Route | NoRoute:
        """The route for a request, or why there is none.

        A shorter prefix is no fallback for a method that the longer one refuses: that would open a path that
        the operator closed.
        """
        matched = b""
        allowed: set[bytes] = set()
        for prefix, below, route in self._routes:
            if matched and prefix != matched:
                break
            if path.startswith(below) or path == prefix:
                if method in route.methods:
                    return route
                matched = prefix
                allowed |= route.methods
        return NoRoute(tuple(sorted(allowed)))


def table_from(settings: Iterable[RouteSettings], policies: tuple[Policy, ...] = ()) -> RoutingTable:
    """The routing table that the settings describe, with the policies' rules. GET includes HEAD."""
    return RoutingTable(_route(item, policies) for item in settings)


def _route(item: RouteSettings, policies: tuple[Policy, ...]) -> Route:
    methods = set(item.methods) | ({"HEAD"} if "GET" in item.methods else set())
    rules = tuple(rule for policy in policies for rule in policy(item))
    if any(getattr(rule, "adds_options", False) for rule in rules):
        methods.add("OPTIONS")
    return Route(
        id=item.id,
        prefix=item.path.encode(),
        methods=frozenset(method.encode() for method in methods),
        upstream_id=item.upstream_id,
        strip_prefix=item.strip_prefix,
        upgrades=frozenset(name.encode() for name in item.upgrades),
        rules=rules,
    )
