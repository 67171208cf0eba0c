"""PagerDuty, by its official client: events that ring people, and its API for who is on call and who answered.

The client is synchronous and would wait and try again by itself; it runs in a thread with a deadline, and is asked once
each time: what is owed stands in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pagerduty
from httpx2 import BaseTransport, Response

from bot.adapters import Adapter
from bot.adapters.pausing import pause
from bot.paging.pager import Answered, Ring
from bot.paging.settings import PagerDutySettings, addresses
from bot.settings import Settings, SettingsError
from commands.errors import Unavailable
from commands.ports import Contact, Overloaded, Rejected
from commands.presentation.words import cut

T = TypeVar("T")
_SOURCE = "Tocsin"
_MOST_SUMMARY = 1024


class _Events(pagerduty.EventsApiV2Client):
    """Nothing is tried again in here."""

    max_network_attempts = 0

    def postprocess(self, response: Response) -> None:
        """Called by the client for each answer."""
        _check(response)


class _Api(pagerduty.RestApiV2Client):
    """The same."""

    max_network_attempts = 0

    def postprocess(self, response: Response, suffix: str | None = None) -> None:  # noqa: ARG002 - the client's own
        """Called by the client for each answer."""
        _check(response)


def _check(response: Response) -> None:
    """Whatever is not a success is an error at once."""
    if not response.is_success:
        raise pagerduty.HttpError(f"status {response.status_code}", response)


class PagerDuty:
    """See Pager and OnCall. `people`: our ids by address, for whom PagerDuty names."""

    name = "PagerDuty"

    def __init__(
        self, settings: PagerDutySettings, people: Mapping[str, str], transport: BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._people = people
        self._transport = transport
        self.can_ask = bool(settings.api_token.get_secret_value())

    async def close(self) -> None:
        """Each request has a client of its own, which is closed with it."""

    async def call(self, ring: Ring) -> None:
        """See Pager: the key is PagerDuty's own against ringing twice."""
        if self._is_person(ring):
            await self._open_for(ring)
            return
        details = {"about": ring.about, "service": ring.service, "asked by": ring.asked_by}

        def trigger(client: _Events) -> None:
            client.trigger(
                _summary(ring),
                _SOURCE,
                dedup_key=ring.key,
                severity="critical",
                custom_details={name: value for name, value in details.items() if value},
            )

        await self._event(ring, trigger)

    async def acknowledge(self, ring: Ring) -> None:
        """See Pager."""
        if self._is_person(ring):
            await self._move(ring, "acknowledged")
        else:
            await self._event(ring, lambda client: client.acknowledge(ring.key))

    async def resolve(self, ring: Ring) -> None:
        """See Pager."""
        if self._is_person(ring):
            await self._move(ring, "resolved")
        else:
            await self._event(ring, lambda client: client.resolve(ring.key))

    async def _event(self, ring: Ring, send: Callable[[_Events], Any]) -> None:
        key = self._settings.routing_keys.get(ring.target)
        if key is None:
            raise Rejected(f"there is no routing key for {ring.target} in the settings any more")
        secret, url = key.get_secret_value(), self._settings.events_url
        await self._ask(lambda: _Events(secret, base_url=url, transport=self._transport), send)

    def _is_person(self, ring: Ring) -> bool:
        return ring.target.startswith("@") and ring.target not in self._settings.routing_keys

    async def _open_for(self, ring: Ring) -> None:
        """An incident that is assigned to one person. It is looked for first, so it is opened once."""
        if await self._incidents(ring.key):
            return
        incident = {
            "type": "incident",
            "title": _summary(ring),
            "service": {"id": self._settings.service_id, "type": "service_reference"},
            "urgency": "high",
            "incident_key": ring.key,
            "assignments": [{"assignee": {"id": await self._user(ring.target[1:]), "type": "user_reference"}}],
        }
        await self._change("POST", "/incidents", {"incident": incident})

    async def _move(self, ring: Ring, status: str) -> None:
        body = {"incident": {"type": "incident_reference", "status": status}}
        for one in await self._incidents(ring.key):
            if one.get("status") not in {status, "resolved"}:
                await self._change("PUT", f"/incidents/{one.get('id')}", body)

    async def _user(self, person: str) -> str:
        """PagerDuty's id of somebody."""
        address = next((address for address, one in self._people.items() if one == person), "")
        if not address:
            raise Rejected(f"@{person} has no `email` in the settings, by which PagerDuty would know them")
        for one in await self._list("users", "/users", {"query": address, "limit": 25}):
            if str(one.get("email") or "").casefold() == address:
                return str(one.get("id"))
        raise Rejected(f"nobody there has the address of @{person}")

    async def _change(self, method: str, path: str, body: dict[str, Any]) -> None:
        mine = self._settings
        token, sender, url = mine.api_token.get_secret_value(), mine.from_email, mine.api_url
        answer = await self._ask(
            lambda: _Api(token, default_from=sender, base_url=url, transport=self._transport),
            lambda client: client.request(method, path, json=body).json(),
        )
        if not isinstance(answer, dict) or "incident" not in answer:
            raise Unavailable("It answers something that cannot be read.")

    async def answered(self, keys: Sequence[str]) -> Sequence[Answered]:
        """See Pager."""
        found = [await self._incidents(key) for key in keys]
        return [answer for key, some in zip(keys, found, strict=True) if (answer := _answer(key, some))]

    async def _incidents(self, key: str) -> list[dict[str, Any]]:
        params = {"incident_key": key, "include[]": "acknowledgers", "limit": 5}
        return await self._list("incidents", "/incidents", params)

    async def on_duty(self, service: str, *, at: datetime) -> Sequence[Contact]:  # noqa: ARG002 - now, as it says
        """See OnCall: the levels of an escalation policy, one person each."""
        policies = self._settings.escalation_policies
        policy = policies.get(service) or policies.get("*")
        if policy is None:
            return []
        params = {"escalation_policy_ids[]": policy, "include[]": "users", "limit": 100}
        found = await self._list("oncalls", "/oncalls", params)
        contacts = [contact for one in found if (contact := self._contact(one))]
        first: dict[int, Contact] = {}
        for one in contacts:
            first.setdefault(one.level, one)
        return [first[level] for level in sorted(first)]

    def _contact(self, one: dict[str, Any]) -> Contact | None:
        user, level = one.get("user"), one.get("escalation_level")
        if not isinstance(user, dict) or not isinstance(level, int):
            return None
        person = self._people.get(str(user.get("email") or "").casefold(), "")
        name = str(user.get("name") or user.get("summary") or "somebody")
        return Contact(person=person, level=level, until=_time(one.get("end")), name="" if person else name)

    async def _list(self, what: str, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        token, url = self._settings.api_token.get_secret_value(), self._settings.api_url

        def get(client: _Api) -> Any:
            return client.get(path, params=params).json()

        answer = await self._ask(lambda: _Api(token, base_url=url, transport=self._transport), get)
        found = answer.get(what) if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise Unavailable("It answers something that cannot be read.")
        return [one for one in found if isinstance(one, dict)]

    async def _ask(self, made: Callable[[], Any], ask: Callable[[Any], T]) -> T:
        """In a thread, within the deadline."""

        def asked() -> T:
            with made() as client:
                client.timeout = self._settings.timeout_seconds
                return ask(client)

        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await asyncio.to_thread(asked)
        except TimeoutError:
            raise Unavailable("It took too long to answer.") from None
        except pagerduty.Error as error:
            if error.response is not None:
                raise _refused(error.response) from None
            raise Unavailable("It does not answer.") from None
        except ValueError:
            raise Unavailable("It answers something that cannot be read.") from None


def _summary(ring: Ring) -> str:
    """What somebody reads who is woken by it."""
    return cut(f"{ring.summary} ({ring.about})" if ring.about else ring.summary, _MOST_SUMMARY)


def _refused(response: Response) -> Exception:
    """What a status means; a client's own error about a good status is an answer that cannot be read."""
    status = response.status_code
    if response.is_success or response.is_redirect:
        return Unavailable("It answers something that cannot be read.")
    if status == 429:
        after = pause(response.headers.get("retry-after"), pages=True)
        return Overloaded("It asks for a pause (status 429).", after=after)
    if status >= 500 or status == 408:
        return Unavailable(f"It is in trouble itself (status {status}).")
    return Rejected(f"status {status}{_words(response)}")


def _words(response: Response) -> str:
    """What it says of an error: the Events API at the top, the REST API below `error`."""
    try:
        said = response.json()
        errors = (said.get("error") or said)["errors"]
        return f": {cut('; '.join(str(one) for one in errors), 200)}"
    except (AttributeError, ValueError, KeyError, TypeError):
        return ""


def _answer(key: str, incidents: list[dict[str, Any]]) -> Answered | None:
    """Who acknowledged it first, or that it is resolved."""
    for one in incidents:
        if one.get("incident_key") != key or one.get("status") not in {"acknowledged", "resolved"}:
            continue
        given = one.get("acknowledgements")
        first = given[0].get("acknowledger") if isinstance(given, list) and given and isinstance(given[0], dict) else {}
        who = first if isinstance(first, dict) else {}
        name = str(who.get("name") or who.get("summary") or "")
        return Answered(key=key, name=name, email=str(who.get("email") or ""))
    return None


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _build(settings: Settings) -> PagerDuty:
    mine = settings.paging.pagerduty
    if mine is None or not mine.api_token.get_secret_value():
        raise SettingsError("adapters.on_call = 'pagerduty' needs paging.pagerduty with its api_token.")
    return PagerDuty(mine, addresses(settings.people))


ADAPTERS = (Adapter(name="pagerduty", ports=("on_call",), build=_build),)
