"""The part of Jira's REST API that tickets use: issues, comments, transitions, and the search of Cloud and of servers.

As there: a project and an issue type must exist, fields that are unknown are refused, a status changes by a transition
of the workflow alone, and Cloud has given up the old search (410).
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.wire import Answer, Asked

FIELDS = {"project", "issuetype", "labels", "description", "summary", "priority"}


def _error(status: int, *said: str) -> Answer:
    return Answer(status, {"errorMessages": list(said), "errors": {}})


class JiraSimulator:
    """Issues by their keys. `workflow`: from a state to those that it leads to."""

    def __init__(self, *, cloud: bool = True) -> None:
        self.cloud = cloud
        self.issues: dict[str, dict[str, Any]] = {}
        self.workflow = {"To Do": ["In Progress", "Done"], "In Progress": ["Done"], "Done": ["In Progress"]}

    def says(self, key: str, by: str, text: str, **restricted: Any) -> None:
        """Somebody comments."""
        comments = self.issues[key]["comment"]["comments"]
        comments.append({"id": str(100 + len(comments)), "author": {"displayName": by}, "body": text, **restricted})

    def comments(self, key: str) -> list[str]:
        return [one["body"] for one in self.issues[key]["comment"]["comments"]]

    def answer(self, asked: Asked) -> Answer:
        basic = "Basic " + base64.b64encode(b"bot@example.com:token").decode()
        if asked.headers.get("Authorization") != (basic if self.cloud else "Bearer token"):
            return Answer(401, {"errorMessages": ["You are not authenticated."]})
        url = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path in {"/rest/api/2/search", "/rest/api/3/search/jql"}:
            return self._search(url.path, query)
        if url.path == "/rest/api/2/issue" and asked.method == "POST":
            return self._create(asked.json["fields"])
        found = re.fullmatch(r"/rest/api/2/issue/([A-Z]+-\d+)(/comment|/transitions)?", url.path)
        if found is None or found[1] not in self.issues:
            return _error(404, "Issue does not exist or you do not have permission to see it.")
        return self._issue(asked, found[1], found[2] or "")

    def _search(self, path: str, query: dict[str, str]) -> Answer:
        if self.cloud is not path.endswith("jql"):
            return _error(410, "The requested API has been removed.")
        found = re.fullmatch(r'project = "(\w+)" AND labels = "([\w-]+)"', query["jql"])
        if found is None:
            return _error(400, "Error in the JQL Query.")
        mine = [key for key, one in self.issues.items() if key.startswith(f"{found[1]}-") and found[2] in one["labels"]]
        return Answer(200, {"issues": [{"key": key, "fields": {}} for key in mine], "isLast": True})

    def _create(self, fields: dict[str, Any]) -> Answer:
        if fields["project"] != {"key": "OPS"} or fields["issuetype"] != {"name": "Task"}:
            return Answer(400, {"errorMessages": [], "errors": {"project": "valid project is required"}})
        if refused := self._refused(fields):
            return refused
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = {**fields, "status": {"name": "To Do"}, "comment": {"comments": []}}
        return Answer(201, {"id": str(10_000 + len(self.issues)), "key": key})

    def _issue(self, asked: Asked, key: str, what: str) -> Answer:
        issue = self.issues[key]
        match asked.method, what:
            case "GET", "":
                return Answer(200, {"key": key, "fields": issue})
            case "PUT", "":
                if refused := self._refused(asked.json["fields"]):
                    return refused
                issue |= asked.json["fields"]
                return Answer(204)
            case "POST", "/comment":
                self.says(key, "Tocsin", asked.json["body"])
                return Answer(201, {"id": "1"})
            case "GET", "/transitions":
                return Answer(200, {"transitions": self._ways(issue)})
            case "POST", "/transitions":
                ways = {one["id"]: one["to"] for one in self._ways(issue)}
                chosen = str(asked.json["transition"]["id"])
                if chosen not in ways:
                    return _error(400, "It seems that you have tried to perform a workflow operation.")
                issue["status"] = ways[chosen]
                return Answer(204)
        return _error(405, "Method not allowed")

    def _ways(self, issue: dict[str, Any]) -> list[dict[str, Any]]:
        states = list(self.workflow)
        to = self.workflow[issue["status"]["name"]]
        return [{"id": str(11 + states.index(one)), "name": f"To {one}", "to": {"name": one}} for one in to]

    @staticmethod
    def _refused(fields: dict[str, Any]) -> Answer | None:
        if strange := set(fields) - FIELDS:
            return Answer(400, {"errorMessages": [], "errors": dict.fromkeys(strange, "cannot be set")})
        if len(fields.get("summary", "x")) > 255 or "\n" in fields.get("summary", ""):
            return Answer(400, {"errorMessages": [], "errors": {"summary": "must be one line of at most 255"}})
        return None
