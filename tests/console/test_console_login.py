"""Signing in with a password."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from argon2 import PasswordHasher

from bot.platforms.console.passwords import PER_ADDRESS, PER_PERSON, WINDOW_SECONDS, Doorkeeper, Limiter
from bot.platforms.console.settings import ConsoleSettings
from tests.console.serving import Stage, csrf_in

#: Cheap, since it is checked many times here; test_console_fences.py has one of the program's own making.
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")


@pytest.fixture
def guarded(stage: Stage) -> Stage:
    """A console that asks Ana for her password; Ben has none."""
    stage.settings = ConsoleSettings(authentication="password", passwords={"ana": HASH})
    return stage


@pytest.fixture
async def client(guarded: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with guarded.browser() as one:
        yield one


async def sign_in(client: httpx.AsyncClient, person: str, password: str, then: str = "/") -> httpx.Response:
    page = await client.get("/login", params={"next": then})
    form = {"person": person, "password": password, "csrf": csrf_in(page.text), "next": then}
    return await client.post("/login", data=form)


async def test_a_stranger_is_led_to_the_form_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/c/operations")
    assert answer.headers["location"] == "/login?next=/c/operations"
    answer = await sign_in(client, "ana", "correct horse", "/c/operations")
    assert (answer.status_code, answer.headers["location"]) == (303, "/c/operations")
    page = (await client.get("/c/operations")).text
    assert 'data-testid="me">Ana Ruiz<' in page
    assert 'action="/whoami"' not in page
    assert (await client.get("/login")).status_code == 303


@pytest.mark.parametrize("path", ["/api/commands", "/events", "/api/channels/operations/messages"])
async def test_scripts_of_strangers_are_told(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.json()["hint"] == "Sign in again."


@pytest.mark.parametrize(
    ("person", "password"), [("ana", "wrong"), ("ana", ""), ("ben", "correct horse"), ("tocsin", ""), ("x", "y")]
)
async def test_a_refusal_does_not_say_which_part_was_wrong(
    client: httpx.AsyncClient, person: str, password: str
) -> None:
    answer = await sign_in(client, person, password)
    assert answer.status_code == 401
    assert "do not fit together" in answer.text
    assert (await client.get("/api/commands")).status_code == 401


async def test_the_form_needs_its_token(client: httpx.AsyncClient) -> None:
    answer = await client.post("/login", data={"person": "ana", "password": "correct horse"})
    assert answer.status_code == 403
    assert "out of date" in answer.text


async def test_signing_in_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, "ana", "correct horse", "//evil.example")
    assert answer.headers["location"] == "/"


async def test_too_many_attempts_have_to_wait(client: httpx.AsyncClient) -> None:
    for _ in range(PER_PERSON):
        await sign_in(client, "ana", "wrong")
    answer = await sign_in(client, "ana", "correct horse")
    assert answer.status_code == 429
    assert "Try again in" in answer.text
    assert 0 < int(answer.headers["retry-after"]) <= 300  # by the wall's clock, however long the guesses took


async def test_guesses_made_at_once_are_as_many_attempts(guarded: Stage, client: httpx.AsyncClient) -> None:
    page = await client.get("/login")
    form = {"person": "ana", "csrf": csrf_in(page.text), "next": "/"}
    guesses = [client.post("/login", data=form | {"password": f"guess {number}"}) for number in range(30)]
    codes = Counter([answer.status_code for answer in await asyncio.gather(*guesses)])
    assert codes == {401: PER_PERSON, 429: 30 - PER_PERSON}


async def test_those_who_know_their_password_use_up_no_attempts(client: httpx.AsyncClient) -> None:
    for _ in range(PER_ADDRESS + 1):
        assert (await sign_in(client, "ana", "correct horse")).status_code == 303
        client.cookies.clear()


async def test_a_queue_that_is_full_takes_nobody(guarded: Stage) -> None:
    """Each check holds 64 MB, so of many people at once a few are checked, some wait, and the rest come again."""
    keeper = Doorkeeper(guarded.settings)
    checks = [asyncio.create_task(keeper.admits(f"p{n}", "wrong", f"10.0.0.{n}")) for n in range(40)]
    await asyncio.sleep(0)
    assert keeper.wait("ana", "10.1.0.1") > 0
    await asyncio.gather(*checks)
    assert keeper.wait("ana", "10.1.0.1") == 0


@pytest.mark.parametrize(("proxies", "last"), [(("127.0.0.0/8",), 401), ((), 429)])
def test_the_address_that_a_proxy_tells_is_believed_of_known_ones(
    guarded: Stage, proxies: tuple[str, ...], last: int
) -> None:
    guarded.settings = guarded.settings.model_copy(update={"trusted_proxies": proxies})
    with guarded.served() as address, httpx.Client(base_url=address, trust_env=False) as client:
        for number in range(PER_ADDRESS + 1):
            page = client.get("/login")
            form = {"person": f"p{number}", "password": "wrong", "csrf": csrf_in(page.text)}
            forwarded = {"X-Forwarded-For": f"192.0.2.1, 10.0.0.{number // PER_ADDRESS}", "X-Forwarded-Proto": "https"}
            answer = client.post("/login", data=form, headers=forwarded)
        assert answer.status_code == last


async def test_nobody_switches_to_somebody_else(client: httpx.AsyncClient) -> None:
    await sign_in(client, "ana", "correct horse")
    csrf = csrf_in((await client.get("/c/operations")).text)
    answer = await client.post("/whoami", data={"person": "ben", "csrf": csrf})
    assert answer.status_code == 403
    assert 'data-reader="ana"' in (await client.get("/c/operations")).text


async def test_signing_out(client: httpx.AsyncClient) -> None:
    await sign_in(client, "ana", "correct horse")
    csrf = csrf_in((await client.get("/c/operations")).text)
    assert (await client.post("/logout")).status_code == 403
    answer = await client.post("/logout", data={"csrf": csrf})
    assert answer.headers["location"] == "/login"
    assert (await client.get("/api/commands")).status_code == 401


async def test_a_person_who_has_left_is_out(guarded: Stage, client: httpx.AsyncClient) -> None:
    await sign_in(client, "ana", "correct horse")
    guarded.settings = ConsoleSettings(authentication="password", passwords={"ben": HASH})
    async with guarded.browser() as later:
        later.cookies = client.cookies
        assert (await later.get("/api/commands")).status_code == 401


async def test_the_window_slides() -> None:
    time = [0.0]
    keeper = Doorkeeper(ConsoleSettings(authentication="password", passwords={"ana": HASH}), now=lambda: time[0])
    for attempt in range(PER_PERSON):
        time[0] = attempt * 10
        assert keeper.wait("ana", "10.0.0.1") == 0
        assert not await keeper.admits("ana", "wrong", "10.0.0.1")
    assert keeper.wait("ana", "10.0.0.2") == WINDOW_SECONDS - 40
    assert keeper.wait("ben", "10.0.0.2") == 0
    time[0] = WINDOW_SECONDS
    assert keeper.wait("ana", "10.0.0.1") == 0
    assert await keeper.admits("ana", "correct horse", "10.0.0.1")


def test_the_limiter_forgets() -> None:
    time = [0.0]
    limiter = Limiter(now=lambda: time[0])
    for number in range(10_050):
        limiter.count(f"person:{number}")
    limiter.wait("x", 1)
    assert len(limiter._failures) == 10_000
    time[0] = WINDOW_SECONDS + 1
    limiter.wait("x", 1)
    assert not limiter._failures
