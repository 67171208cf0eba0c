"""The port of pages: who was called, who answered, and who stands in for whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from commands.domain.page import Override, Page


class Pages(Protocol):
    """Pages, and the overrides of who is on duty."""

    def add(self, page: Page) -> None: ...

    def get(self, page_id: str) -> Page:
        """Raises NotFound."""

    def change(self, page: Page, **changes: Any) -> Page:
        """Compare and swap, by version. Raises Conflict."""

    def open(self) -> list[Page]:
        """Those that somebody is to answer, and those of incidents that were answered; oldest first."""

    def override(self, override: Override) -> None:
        """Somebody stands in; whoever did so before for the service does no more."""

    def overrides(self, at: datetime) -> list[Override]:
        """Those in force, by service."""

    def end_override(self, service: str) -> Override | None:
        """The one in force, ended; None where there is none."""
