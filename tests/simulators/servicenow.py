"""The part of ServiceNow's Table API that tickets use: records of the table `incident`, queried, made and changed.

As there: every value comes with its display value, a journal has no value and shows all its entries in one text, a
record that is resolved needs a code and notes, and states are numbers.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.wire import Answer, Asked

BASIC = "Basic " + base64.b64encode(b"bot:password").decode()
STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed"}
JOURNALS = ("work_notes", "comments")


def _error(status: int, message: str, detail: str = "") -> Answer:
    return Answer(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


class ServiceNowSimulator:
    """Records by their sys_id."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, str]] = {}
        self.journal: list[tuple[str, str, str, str]] = []

    def says(self, reference: str, by: str, text: str, field: str = "work_notes") -> None:
        """Somebody writes into a journal."""
        self.journal.append((reference, field, by, text))

    def notes(self) -> list[str]:
        return [text for *_, text in self.journal]

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != BASIC:
            return _error(401, "User Not Authenticated", "Required to provide Auth information")
        url = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.strip("/").split("/")
        if parts[:4] != ["api", "now", "table", "incident"] or len(parts) > 5:
            return _error(400, f"Invalid table {parts[-1]}")
        if len(parts) == 4:
            return self._list(query) if asked.method == "GET" else self._create(asked.json)
        if parts[4] not in self.records:
            return _error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return self._shown(parts[4], 200, query) if asked.method == "GET" else self._change(parts[4], asked.json, 200)

    def _list(self, query: dict[str, str]) -> Answer:
        name, _, wanted = query["sysparm_query"].partition("^")[0].partition("=")
        found = [key for key, one in self.records.items() if one.get(name) == wanted]
        shown = [self._view(key, query) for key in found[: int(query["sysparm_limit"])]]
        return Answer(200, {"result": shown}, {"X-Total-Count": str(len(found))})

    def _create(self, given: dict[str, str]) -> Answer:
        number = len(self.records) + 1
        reference = f"{number:032x}"
        self.records[reference] = {"number": f"INC{number:07}", "state": "1", "sys_id": reference}
        answer = self._change(reference, given, 201)
        if answer.status != 201:
            del self.records[reference]
        return answer

    def _change(self, reference: str, given: dict[str, str], status: int) -> Answer:
        changed = self.records[reference] | {name: value for name, value in given.items() if name not in JOURNALS}
        if changed["state"] not in STATES:
            return _error(403, "Operation Failed", "Error during insert of incident: state")
        if changed["state"] in {"6", "7"} and not (changed.get("close_code") and changed.get("close_notes")):
            return _error(403, "Operation Failed", "Data Policy Exception: close_code, close_notes are mandatory")
        self.records[reference] = changed
        for field in JOURNALS:
            if given.get(field):
                self.says(reference, "Tocsin", given[field], field)
        return self._shown(reference, status)

    def _shown(self, reference: str, status: int, query: dict[str, str] | None = None) -> Answer:
        return Answer(status, {"result": self._view(reference, query or {})})

    def _view(self, reference: str, query: dict[str, str]) -> dict[str, Any]:
        """The fields that were asked for, else all."""
        record = self.records[reference]
        names = query["sysparm_fields"].split(",") if query.get("sysparm_fields") else list(record)
        shown = {
            name: {"value": value, "display_value": STATES[value] if name == "state" else value}
            for name in names
            for value in [record.get(name, "")]
        }
        titles = {"work_notes": "Work notes", "comments": "Additional comments"}
        for field, title in titles.items():
            if names != list(record) and field not in names:
                continue
            entries = [
                f"2026-03-01 12:00:{second:02} - {by} ({title})\n{text}\n\n"
                for second, (of, where, by, text) in enumerate(self.journal)
                if (of, where) == (reference, field)
            ]
            shown[field] = {"value": "", "display_value": "".join(reversed(entries))}
        return shown
