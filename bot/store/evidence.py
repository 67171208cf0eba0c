"""What was there before each change, kept once and never changed."""

from __future__ import annotations

import json

import sqlalchemy as sa

from bot.store import schema
from commands.domain.evidence import Evidence


class SqlEvidences:
    """See the Evidences port."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, evidence: Evidence) -> None:
        """Keep it."""
        values = evidence.model_dump(exclude={"known_as"}) | {
            "missing": json.dumps(evidence.missing),
            "sha256": evidence.sha256,
        }
        self._connection.execute(schema.evidence.insert().values(**values))

    def find(self, plan_id: str) -> Evidence | None:
        """See Evidences."""
        table = schema.evidence
        columns = (table.c.plan, table.c.at, table.c.text, table.c.missing)
        row = self._connection.execute(sa.select(*columns).where(table.c.plan == plan_id)).one_or_none()
        if row is None:
            return None
        more = {"missing": json.loads(row.missing), "known_as": self._known_as(plan_id)}
        return Evidence.model_validate(dict(row._mapping) | more)

    def _known_as(self, plan_id: str) -> str:
        """The hash in the audit's intent of the plan."""
        table = schema.audit
        about = table.c.detail.contains(plan_id, autoescape=True)
        found = self._connection.execute(sa.select(table.c.detail).where(table.c.kind == "intent", about))
        intents = [json.loads(row.detail) for row in found]
        return next((str(one["evidence"]) for one in intents if one.get("plan") == plan_id and one.get("evidence")), "")
