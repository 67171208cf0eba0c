"""People at the console, over its HTTP API: the one module here that knows its routes and its sessions."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from bot.platforms.console.sessions import Sessions
from bot.platforms.console.settings import ConsoleSettings

SECRET = "for-the-fault-tests-only"


class Refused(Exception):  # noqa: N818 - an answer of the console
    """The console did not take it; what it answered."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code}: {answer.text}")
        self.status = answer.status_code
        self.message = str(answer.json().get("error", ""))


class Console:
    """Types and clicks as anybody. A request that gets no answer raises httpx.TransportError."""

    def __init__(self, port: int) -> None:
        self._sessions = Sessions(SECRET.encode(), ConsoleSettings(port=port))
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def is_up(self) -> bool:
        """Whether it answers, with its database."""
        try:
            return self._http.get("/healthz", timeout=30).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def command(self, person: str, channel: str, text: str, *, delivery: str = "") -> dict[str, Any]:
        """Type a line; the receipt. The delivery's id in the inbox is `console:` and `delivery`."""
        return self._post("messages", person, {"channel": channel, "text": text, "id": delivery or uuid.uuid4().hex})

    def click(self, person: str, channel: str, token: str, *, delivery: str = "") -> dict[str, Any]:
        """Press a button; the receipt."""
        return self._post("clicks", person, {"channel": channel, "token": token, "id": delivery or uuid.uuid4().hex})

    def _post(self, path: str, person: str, body: dict[str, Any]) -> dict[str, Any]:
        session = self._sessions.start(person)
        headers = {
            "X-CSRF-Token": self._sessions.csrf(session),
            "Cookie": f"{self._sessions.cookie}={self._sessions.seal(session)}",
        }
        answer = self._http.post(f"/api/{path}", json=body, headers=headers)
        if not answer.is_success:
            raise Refused(answer)
        receipt: dict[str, Any] = answer.json()
        return receipt
