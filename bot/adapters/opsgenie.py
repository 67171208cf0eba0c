"""Opsgenie, by its REST API (v2): alerts that ring people, who is on call, and who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from bot.adapters import Adapter
from bot.adapters.pausing import pause
from bot.paging.pager import Answered, Ring
from bot.paging.settings import OpsgenieSettings, addresses
from bot.settings import Settings, SettingsError
from commands.errors import Unavailable
from commands.ports import Contact, Overloaded, Rejected
from commands.presentation.words import cut

_MOST_MESSAGE = 130
_SOURCE = "Tocsin"


class Opsgenie:
    """See Pager and OnCall. `people`: our ids by address. An alert's alias is our key, so it is there once."""

    name = "Opsgenie"
    can_ask = True

    def __init__(
        self, settings: OpsgenieSettings, people: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._people = people
        self._http = httpx.AsyncClient(
            base_url=settings.url.rstrip("/"),
            headers={"Authorization": f"GenieKey {settings.api_key.get_secret_value()}"},
            timeout=settings.timeout_seconds,
            transport=transport,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def call(self, ring: Ring) -> None:
        """See Pager."""
        body = {
            "message": cut(ring.summary, _MOST_MESSAGE),
            "alias": ring.key,
            "description": "\n".join(one for one in (ring.summary, ring.about) if one),
            "responders": [self._responder(ring.target)],
            "entity": ring.service,
            "source": _SOURCE,
            "priority": "P1",
        }
        await self._send("/v2/alerts", body)

    def _responder(self, target: str) -> dict[str, str]:
        if target.startswith("@"):
            address = next((address for address, person in self._people.items() if person == target[1:]), "")
            if not address:
                raise Rejected(f"{target} has no `email` in the settings, by which Opsgenie would know them")
            return {"type": "user", "username": address}
        known = self._settings.responders.get(target)
        if known is None:
            raise Rejected(f"there is no responder for {target} in the settings any more")
        return {"type": known.type, "username" if known.type == "user" else "name": known.name}

    async def acknowledge(self, ring: Ring) -> None:
        """See Pager."""
        await self._act(ring, "acknowledge")

    async def resolve(self, ring: Ring) -> None:
        """See Pager."""
        await self._act(ring, "close")

    async def _act(self, ring: Ring, what: str) -> None:
        body = {"source": _SOURCE, "note": "by Tocsin"}
        await self._send(f"/v2/alerts/{quote(ring.key, safe='')}/{what}?identifierType=alias", body)

    async def answered(self, keys: Sequence[str]) -> Sequence[Answered]:
        """See Pager. An alert that is not there yet was answered by nobody."""
        return [answer for key in keys if (answer := await self._answer(key))]

    async def _answer(self, key: str) -> Answered | None:
        found = await self._get(f"/v2/alerts/{quote(key, safe='')}?identifierType=alias", missing=True)
        if not found or not (found.get("acknowledged") is True or found.get("status") == "closed"):
            return None
        report = found.get("report") if isinstance(found.get("report"), dict) else {}
        who = str((report or {}).get("acknowledgedBy") or found.get("owner") or (report or {}).get("closedBy") or "")
        return Answered(key=key, name="" if "@" in who else who, email=who if "@" in who else "")

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:
        """See OnCall: those of the service's schedule."""
        schedule = self._settings.schedules.get(service) or self._settings.schedules.get("*")
        if schedule is None:
            return []
        params = {"scheduleIdentifierType": "name", "flat": "true", "date": at.isoformat(timespec="seconds")}
        found = await self._get(f"/v2/schedules/{quote(schedule, safe='')}/on-calls", params=params)
        names = found.get("onCallRecipients")
        if not isinstance(names, list):
            raise Unavailable("It answers something that cannot be read.")
        return [self._contact(str(name), level) for level, name in enumerate(names, start=1)]

    def _contact(self, name: str, level: int) -> Contact:
        person = self._people.get(name.casefold(), "")
        return Contact(person=person, level=level, name="" if person else name)

    async def _send(self, path: str, body: dict[str, Any]) -> None:
        """Opsgenie takes it, and works it off by itself."""
        answer = await self._ask("POST", path, json=body)
        if not isinstance(_json(answer), dict):
            raise Unavailable("It answers something that cannot be read.")

    async def _get(self, path: str, *, missing: bool = False, **more: Any) -> dict[str, Any]:
        answer = await self._ask("GET", path, missing=missing, **more)
        if answer.status_code == 404:
            return {}
        content = _json(answer)
        found = content.get("data") if isinstance(content, dict) else None
        if not isinstance(found, dict):
            raise Unavailable("It answers something that cannot be read.")
        return found

    async def _ask(self, method: str, path: str, *, missing: bool = False, **more: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **more)
        except httpx.TimeoutException:
            raise Unavailable("It took too long to answer.") from None
        except httpx.HTTPError:
            raise Unavailable("It does not answer.") from None
        if answer.is_success or (missing and answer.status_code == 404):
            return answer
        raise _refused(answer)


def _refused(answer: httpx.Response) -> Exception:
    status = answer.status_code
    if status == 429:
        after = pause(answer.headers.get("retry-after"), pages=True)
        return Overloaded("It asks for a pause (status 429).", after=after)
    if status >= 500 or status == 408 or answer.is_redirect:
        return Unavailable(f"It is in trouble itself (status {status}).")
    content = _json(answer)
    words = f": {cut(str(content['message']), 200)}" if isinstance(content, dict) and content.get("message") else ""
    return Rejected(f"status {status}{words}")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _build(settings: Settings) -> Opsgenie:
    mine = settings.paging.opsgenie
    if mine is None:
        raise SettingsError("adapters.on_call = 'opsgenie' needs paging.opsgenie.")
    return Opsgenie(mine, addresses(settings.people))


ADAPTERS = (Adapter(name="opsgenie", ports=("on_call",), build=_build),)
