"""Pages, as the record keeps them: one changes by compare-and-swap, so it goes on once and is answered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.store import schema_pages
from commands.domain.page import Override, Page, PageState
from commands.errors import Conflict, NotFound

_pages, _overrides = schema_pages.pages, schema_pages.overrides
#: Whoever was called without an incident, and has not answered in this time, is not waited for.
_FORGOTTEN = timedelta(days=1)
_WAITING = (PageState.SENT.value, PageState.UNANSWERED.value)


class SqlPages:
    """See the Pages port."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def add(self, page: Page) -> None:
        """Store a new one."""
        self._connection.execute(_pages.insert().values(id=page.id, created_at=page.created_at, **_row(page)))

    def get(self, page_id: str) -> Page:
        """See Pages."""
        body = self._connection.execute(sa.select(_pages.c.body).where(_pages.c.id == page_id)).scalar()
        if body is None:
            raise NotFound(f"There is no page {page_id[:60]}.", example="/oncall")
        return Page.model_validate_json(body)

    def change(self, page: Page, **changes: Any) -> Page:
        """See Pages."""
        changed = page.model_copy(update=changes | {"version": page.version + 1})
        same = (_pages.c.id == page.id, _pages.c.version == page.version)
        if self._connection.execute(_pages.update().where(*same).values(**_row(changed))).rowcount != 1:
            raise Conflict("Something else has just become of this page.", hint="Its message says what.")
        return changed

    def open(self) -> list[Page]:
        """See Pages."""
        waiting = sa.or_(_pages.c.incident != "", _pages.c.created_at > self._now - _FORGOTTEN)
        answered = sa.and_(_pages.c.state == PageState.ACKNOWLEDGED.value, _pages.c.incident != "")
        query = sa.select(_pages.c.body).where(sa.or_(sa.and_(_pages.c.state.in_(_WAITING), waiting), answered))
        found = self._connection.execute(query.order_by(_pages.c.created_at, _pages.c.id).limit(1000)).scalars()
        return [Page.model_validate_json(body) for body in found]

    def override(self, override: Override) -> None:
        """See Pages."""
        self.end_override(override.service)
        self._connection.execute(_overrides.insert().values(**override.model_dump(exclude={"id"})))

    def overrides(self, at: datetime) -> list[Override]:
        """See Pages."""
        lasting = (_overrides.c.since <= at, _overrides.c.until > at)
        rows = self._connection.execute(sa.select(_overrides).where(*lasting).order_by(_overrides.c.service))
        return [Override.model_validate(dict(row._mapping)) for row in rows]

    def end_override(self, service: str) -> Override | None:
        """See Pages."""
        found = next((one for one in self.overrides(self._now) if one.service == service), None)
        if found:
            which = _overrides.c.id == found.id
            self._connection.execute(_overrides.update().where(which).values(until=self._now))
        return found


def _row(page: Page) -> dict[str, Any]:
    return {
        "incident": page.incident,
        "state": page.state.value,
        "version": page.version,
        "body": page.model_dump_json(),
    }
