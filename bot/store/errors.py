"""What the store says when it cannot keep something."""

from __future__ import annotations


class StoreUnavailable(Exception):  # noqa: N818 - a state, like the refusals of the core
    """Nothing was stored. The message says why and what to do; it is fit to be shown to a person."""


class AlreadyRunning(Exception):  # noqa: N818
    """Another process holds the database file."""
