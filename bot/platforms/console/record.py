"""What the console needs of the record; `bot.store.chat.ChatRecord` provides it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.store.views import ChannelView, MessageView
from commands.charts import Chart
from commands.domain.paper import Paper, Revision
from commands.domain.period import ReportKind
from commands.people import Person
from commands.reporting import PeriodReport


class ConsoleRecord(Protocol):
    """Reads and writes of the chat page. Every call is for one person and leaks nothing of private channels.

    All raise `StoreUnavailable` when the database does not answer.
    """

    async def channels(self, person: str) -> list[ChannelView]:
        """The channels that a person may read: standing ones first, then incidents, newest first."""

    async def check_in_sight(self, channel: str, person: str) -> None:
        """Raises NotFound for a channel out of sight; that it is private, or that it is not, looks the same."""

    async def messages(
        self,
        channel: str,
        person: str,
        *,
        before: int | None = None,
        limit: int = 100,
        thread: str | None = None,
    ) -> list[MessageView]:
        """Messages of a channel (or of one thread), oldest first. Raises NotFound for a channel out of sight."""

    async def replies(self, channel: str, person: str, thread: str) -> int:
        """How many replies a message has that the person can see. Raises NotFound for a channel out of sight."""

    async def pinned(self, channel: str, person: str) -> MessageView | None:
        """The pinned card (the incident's), up to date."""

    async def changes(self, since: int, person: str, *, limit: int = 200) -> list[MessageView]:
        """What was posted or edited after a cursor, in the order it happened, in all channels in sight."""

    async def cursor(self) -> int:
        """The newest change."""

    async def say(self, channel: str, person: str, text: str, *, key: str, thread: str | None = None) -> MessageView:
        """Store what a person said; the same key again returns the first one."""

    async def mark_read(self, channel: str, person: str, message: int) -> None:
        """The person has seen a channel up to a message."""

    async def message(self, key: str, person: str) -> MessageView:
        """One message. Raises NotFound when it is not there or out of sight."""


class Papers(Protocol):
    """Postmortems and reports. What a person may not read does not exist for them: all raise NotFound then."""

    async def paper(self, incident: str, person: str) -> Paper: ...

    async def revisions(self, incident: str, person: str) -> list[Revision]:
        """Newest first, without their texts."""

    async def revision(self, incident: str, number: int, person: str) -> Revision: ...

    async def review(self, incident: str, person: str) -> str:
        """The meeting that is planned, as a calendar file."""

    async def report(
        self, kind: ReportKind, since: datetime, until: datetime, person: str
    ) -> tuple[PeriodReport, Chart | None]:
        """What happened in a span of time; of what that person may not read, how many."""

    def may_edit(self, person: Person) -> bool: ...

    async def edit(self, incident: str, person: Person, text: str, *, version: int, section: str) -> Paper:
        """Save the whole text, or one section. Raises Overtaken, NotAllowed."""
