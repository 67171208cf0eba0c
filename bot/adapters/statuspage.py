"""Pages at Atlassian Statuspage, over its REST API (v1).

The API has no keys against doing something twice, so the page itself remembers what it was told: the incident's
metadata names ours, and lists the updates in their order. Each look at the page comes before each change of it.
A key may ask once a second; pages that share one share its pace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx

from bot.adapters.pausing import pause
from bot.public.settings import PageSettings
from commands.domain.maintenance import Maintenance, MaintenanceState
from commands.domain.public import PublicStatus, PublicUpdate
from commands.errors import Unavailable
from commands.ports import Clock, Overloaded, Rejected, StatusPage

_OURS = "tocsin"
_BETWEEN = timedelta(seconds=1)
_TIMEOUT_SECONDS = 10
_LIMITED = {420, 429}
_LOOKS_AT = 100
_STATUS = {
    MaintenanceState.PLANNED: "scheduled",
    MaintenanceState.RUNNING: "in_progress",
    MaintenanceState.DONE: "completed",
    MaintenanceState.CANCELLED: "completed",
    MaintenanceState.LAPSED: "completed",
}


class Pace:
    """One request after the other, a second apart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._free_at = clock.now()

    async def turn(self) -> None:
        """Wait for one's turn."""
        async with self._lock:
            wait = (self._free_at - self._clock.now()).total_seconds()
            if wait > 0:
                await self._clock.sleep(wait)
            self._free_at = self._clock.now() + _BETWEEN


class Statuspage:
    """See StatusPage."""

    def __init__(self, settings: PageSettings, pace: Pace, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._pace = pace
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url.rstrip('/')}/v1/pages/{settings.page_id}",
            headers={"Authorization": f"OAuth {settings.api_key.get_secret_value()}"},
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def show(self, update: PublicUpdate, *, all_of_it: Sequence[PublicUpdate], states: Mapping[str, str]) -> None:
        """See StatusPage."""
        there = await self._find(update.incident)
        known = _listed(there) if there else []
        if update.id in known:
            assert there is not None
            if any(one.stands for one in all_of_it):
                await self._bring(there, update, known)
            else:
                await self._take_away(there, self._affected(_named(all_of_it), states))
        elif update.stands:
            now = self._affected(_named([*all_of_it, update]), states)
            await (self._append(there, update, known, now) if there else self._create(update, now))

    async def show_maintenance(self, maintenance: Maintenance, *, states: Mapping[str, str]) -> None:
        """See StatusPage: a scheduled incident; how many notices the page was told stands in its metadata."""
        there = await self._find(maintenance.id, "maintenance")
        told = str(len(maintenance.notices))
        ours = {"maintenance": maintenance.id, "told": told}
        fields = self._window(maintenance, states) | {"metadata": {_OURS: ours}}
        if there is None and maintenance.state.stands:
            await self._ask("POST", "/incidents", incident={"name": maintenance.title, **fields})
        elif there is not None and _ours(there).get("told") != told:
            await self._ask("PATCH", f"/incidents/{there['id']}", incident=fields)

    def _window(self, maintenance: Maintenance, states: Mapping[str, str]) -> dict[str, Any]:
        """Its components are changed from when it has begun."""
        now = self._affected(maintenance.components, states)
        return {
            "status": _STATUS[maintenance.state],
            "body": maintenance.notices[-1].text,
            "scheduled_for": maintenance.starts_at.isoformat(),
            "scheduled_until": maintenance.ends_at.isoformat(),
            "scheduled_auto_in_progress": False,
            "scheduled_auto_completed": False,
            "deliver_notifications": self._settings.notify,
            **({"component_ids": list(now)} if now else {}),
            **({"components": now} if now and maintenance.started_at else {}),
        }

    async def _find(self, ours: str, kind: str = "incident") -> dict[str, Any] | None:
        """The incident there that is ours."""
        found = await self._ask("GET", f"/incidents?limit={_LOOKS_AT}&page=1")
        if not isinstance(found, list):
            raise Unavailable("The page answers something that is no list of incidents.")
        listed: list[dict[str, Any]] = [one for one in found if isinstance(one, dict)]
        return next((one for one in listed if _ours(one).get(kind) == ours), None)

    async def _create(self, update: PublicUpdate, now: Mapping[str, str]) -> None:
        await self._ask("POST", "/incidents", incident={"name": update.title, **self._fields(update, [], now)})

    async def _append(
        self, there: dict[str, Any], update: PublicUpdate, known: list[str], now: Mapping[str, str]
    ) -> None:
        await self._ask("PATCH", f"/incidents/{there['id']}", incident=self._fields(update, known, now))

    def _affected(self, components: Collection[str], states: Mapping[str, str]) -> dict[str, str]:
        """The components there, by their ids, and how each is now."""
        mine = {ours: there for ours, there in self._settings.components.items() if ours in components}
        return {there: states[ours] for ours, there in mine.items() if ours in states}

    def _fields(self, update: PublicUpdate, known: list[str], now: Mapping[str, str]) -> dict[str, Any]:
        return {
            "status": update.status.value,
            "body": update.text,
            "deliver_notifications": self._settings.notify,
            "metadata": {_OURS: {"incident": update.incident, "updates": " ".join([*known, update.id])}},
            **({"component_ids": list(now), "components": now} if now else {}),
            **({} if update.status is PublicStatus.RESOLVED else {"impact_override": update.impact.value}),
        }

    async def _take_away(self, there: dict[str, Any], now: Mapping[str, str]) -> None:
        """An incident of which nothing stands; its components go back first, for its end leaves them as they are."""
        if now:
            back = {"component_ids": list(now), "components": now, "deliver_notifications": False}
            await self._ask("PATCH", f"/incidents/{there['id']}", incident=back)
        await self._ask("DELETE", f"/incidents/{there['id']}")

    async def _bring(self, there: dict[str, Any], update: PublicUpdate, known: list[str]) -> None:
        """What is there reads as it should."""
        said = _said(there, update, known)
        if said is None:
            raise Rejected("the update cannot be told from others there; change it by hand")
        if said["body"] != update.body:
            path = f"/incidents/{there['id']}/incident_updates/{said['id']}"
            await self._ask("PATCH", path, incident_update={"body": update.body})

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        """One request. Raises as StatusPage.show."""
        await self._pace.turn()
        try:
            answer = await self._http.request(method, path, json=body or None)
        except httpx.HTTPError as error:
            raise Unavailable(f"The page does not answer ({type(error).__name__}).") from error
        if answer.status_code in _LIMITED:
            after = pause(answer.headers.get("Retry-After"))
            raise Overloaded(f"The page takes no more for now (status {answer.status_code}).", after=after)
        if answer.is_client_error and answer.status_code != httpx.codes.REQUEST_TIMEOUT:
            raise Rejected(f"status {answer.status_code}: {_reason(answer)}")
        if not answer.is_success:
            raise Unavailable(f"The page answers with status {answer.status_code}.")
        return _json(answer)


def _json(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        raise Unavailable("The page answers something that is no JSON.") from None


def _ours(incident: dict[str, Any]) -> dict[str, Any]:
    metadata = incident.get("metadata")
    ours = metadata.get(_OURS) if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) and isinstance(incident.get("id"), str) else {}


def _listed(incident: dict[str, Any]) -> list[str]:
    return str(_ours(incident).get("updates", "")).split()


def _said(incident: dict[str, Any], update: PublicUpdate, known: list[str]) -> dict[str, Any] | None:
    """Our update among those there: by its place where all of them are ours, else by what it said."""
    there = incident.get("incident_updates")
    told: list[dict[str, Any]] = [one for one in there if _is_update(one)] if isinstance(there, list) else []
    told.sort(key=lambda one: str(one["created_at"]))
    if len(told) == len(known):
        return told[known.index(update.id)]
    texts = {update.text, update.body, *update.earlier}
    same = [one for one in told if one["body"] in texts]
    return same[0] if len(same) == 1 else None


def _named(updates: Iterable[PublicUpdate]) -> set[str]:
    """Every component that any of them named: a later one that names fewer says that the others are well again."""
    return {component for one in updates for component in one.components}


def _is_update(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("id", "body", "created_at"))


def _reason(answer: httpx.Response) -> str:
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return "no reason given"
    return (", ".join(map(str, said)) if isinstance(said, list) else str(said))[:300]


def connect(
    pages: Iterable[PageSettings], clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
) -> dict[str, StatusPage]:
    """The pages by name; those with the same key share its pace."""
    paces: dict[str, Pace] = {}
    found: dict[str, StatusPage] = {}
    for one in pages:
        pace = paces.setdefault(one.api_key.get_secret_value(), Pace(clock))
        found[one.name] = Statuspage(one, pace, transport)
    return found
