"""Breaker closed: everything goes to an upstream, whatever its breaker has counted."""

from __future__ import annotations

from commands.actions.breaking import BreakerArgs, Forced, whose
from commands.ports import Draft


class BreakerClosed(Forced):
    """For an upstream that is well, and whose breaker is wrong."""

    name = "breaker closed"
    path = ("gw", "breaker", "closed")
    summary = "Plan to let everything through to an upstream, for a while."
    example = "/gw breaker closed user-service --for 10m"

    def says(self, args: BreakerArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """Whose, and what that means."""
        return f"Force {whose(draft.settled['upstream'])} closed: everything is let through, failures or not"


ACTION = BreakerClosed()
