"""Tickets in Jira, Cloud or one's own, by its REST API v2; the library is Atlassian's community's.

A ticket is found by a label that is the incident's id, and a comment by the mark at its end, so that nothing is made or
said twice.
"""

from __future__ import annotations

from typing import Any

from atlassian import Jira as Client

from bot.adapters.tickets.session import TIMEOUT_SECONDS, Session, sensible
from bot.world.ticket_settings import JiraSettings
from bot.world.tickets import Said, There
from commands.domain.incident import Status
from commands.domain.ticket import Step
from commands.errors import Unavailable
from commands.ports import Rejected

_MARK = "(Tocsin, "


class Jira:
    """See System."""

    def __init__(self, settings: JiraSettings, *, timeout: float = TIMEOUT_SECONDS) -> None:
        token = settings.token.get_secret_value()
        self._settings = settings
        self._client = Client(
            settings.url.rstrip("/"),
            username=settings.user or None,
            password=token if settings.user else None,
            token=None if settings.user else token,
            cloud=settings.cloud,
            api_version="2",
            session=Session("Jira", timeout),
        )

    @sensible("Jira")
    def keep(self, step: Step, reference: str) -> There:
        """See System."""
        key = reference or self._find(step.incident)
        if key:
            self._bring(key, step)
        else:
            key = _text(self._client.create_issue(fields=self._new(step)), "key")
        state, refused = self._move(key, step)
        url = f"{self._settings.url.rstrip('/')}/browse/{key}"
        return There(key=key, url=url, reference=key, state=state, refused=refused)

    @sensible("Jira")
    def look(self, reference: str) -> tuple[str, list[Said]]:
        """See System."""
        fields = self._fields(reference, "status,comment")
        said = [
            Said(
                id=str(one.get("id")),
                by=str((one.get("author") or {}).get("displayName", "")),
                text=str(one.get("body", "")),
                ours=_MARK in str(one.get("body", "")),
            )
            for one in _comments(fields)
            if not one.get("visibility")  # not everybody may read it there
        ]
        return _state(fields), said

    def _find(self, incident: str) -> str:
        """The key of the ticket that is ours, if there is one."""
        found = self._client.jql(
            f'project = "{self._settings.project}" AND labels = "{incident}"', fields="status", limit=2
        )
        issues = found.get("issues") if isinstance(found, dict) else None
        if not isinstance(issues, list):
            raise Unavailable("Jira answers something that is no list of issues.")
        return _text(issues[0], "key") if issues else ""

    def _new(self, step: Step) -> dict[str, Any]:
        fields = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "labels": ["tocsin", step.incident],
            "description": f"{step.description}\n{step.mark}",
        }
        return fields | self._fields_of(step)

    def _fields_of(self, step: Step) -> dict[str, Any]:
        """What changes with the incident."""
        priority = self._settings.priorities.get(step.severity)
        return {"summary": step.summary, **({"priority": {"name": priority}} if priority else {})}

    def _bring(self, key: str, step: Step) -> None:
        self._client.update_issue_field(key, self._fields_of(step))
        if not step.comment:
            return
        said = _comments(self._fields(key, "comment"))
        if not any(step.mark in str(one.get("body", "")) for one in said):
            self._client.issue_add_comment(key, f"{step.comment}\n{step.mark}")

    def _move(self, key: str, step: Step) -> tuple[str, str]:
        """Along the workflow of the project, where a transition leads there; its state then, and what was refused."""
        state, wanted = _state(self._fields(key, "status")), self._settings.states.get(Status(step.status), "")
        if not wanted or state.casefold() == wanted.casefold():
            return state, ""
        ways = {str(one["to"]): one["id"] for one in self._client.get_issue_transitions(key)}
        there = next((to for to in ways if to.casefold() == wanted.casefold()), "")
        if not there:
            return state, f"{key} cannot be moved from {state} to {wanted}; tickets.jira.states names the states"
        try:
            self._client.set_issue_status_by_transition_id(key, ways[there])
        except Rejected as refused:
            return state, f"{key} cannot be moved from {state} to {wanted}: {refused}"
        return there, ""

    def _fields(self, key: str, fields: str) -> dict[str, Any]:
        issue = self._client.issue(key, fields=fields)
        found = issue.get("fields") if isinstance(issue, dict) else None
        if not isinstance(found, dict):
            raise Unavailable("Jira answers something that is no issue.")
        return found


def _comments(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in fields.get("comment", {}).get("comments", []) if isinstance(one, dict)]


def _state(fields: dict[str, Any]) -> str:
    return _text(fields.get("status"), "name")


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise Unavailable("Jira answers something that is no issue.")
    return found
