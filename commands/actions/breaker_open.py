"""Breaker open: nothing goes to an upstream, so that it can recover; its routes are answered with 503."""

from __future__ import annotations

from commands.actions.breaking import BreakerArgs, Forced, whose
from commands.ports import Draft
from commands.registry import ActionClass


class BreakerOpen(Forced):
    """An outage of all routes of an upstream, so it needs a second person."""

    name = "breaker open"
    path = ("gw", "breaker", "open")
    summary = "Plan to let nothing through to an upstream, for a while."
    example = "/gw breaker open user-service --for 10m"
    klass = ActionClass.DANGEROUS

    def says(self, args: BreakerArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whose, and what that means."""
        return f"Force {whose(draft.settled['upstream'])} open: its requests are answered with 503"

    def touches(self, draft: Draft) -> str:
        """Who gets nothing."""
        return str(draft.settled["upstream"])


ACTION = BreakerOpen()
