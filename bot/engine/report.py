"""Makes a report on a snapshot of the record, so that nobody waits for it, and posts it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.engine.durable import Steps
from bot.store.transaction import SqlTransaction, Store
from commands.cards import Card
from commands.context import Services
from commands.domain.period import ReportKind
from commands.presentation.report import report_card, report_chart
from commands.reporting import of_channel, period_report


class MakeReport:
    """A workflow of one step."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    def __call__(self, steps: Steps, payload: dict[str, Any]) -> None:
        """Look, then say."""
        key = f"report:{payload['kind']}:{payload['channel']}:{payload['since']}:{payload['until']}"

        def made() -> None:
            shown = self._store.look_now(lambda tx: self._made(payload, tx))
            self._store.transact_now(key, lambda tx: tx.messages.post(payload["channel"], shown, key=key))

        steps.run("report", made)

    def _made(self, payload: dict[str, Any], tx: SqlTransaction) -> Card:
        since, until = (datetime.fromisoformat(payload[name]) for name in ("since", "until"))
        report = period_report(
            ReportKind(payload["kind"]), since, until, self._services, tx, of_channel(payload["channel"])
        )
        return report_card(report, report_chart(report, self._services.objectives, tx))
