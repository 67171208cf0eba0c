"""Signing in with a password."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.platforms.console.passwords import PER_PERSON, WINDOW_SECONDS, Doorkeeper, Limiter
from bot.platforms.console.settings import ConsoleSettings, hash_password
from tests.console.serving import Stage, csrf_in

HASH = hash_password("correct horse")


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
    assert "Try again in 5 minutes" in answer.text
    assert 290 <= int(answer.headers["retry-after"]) <= 300


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
        limiter.failed(f"person:{number}")
    limiter.wait("x", 1)
    assert len(limiter._failures) == 10_000
    time[0] = WINDOW_SECONDS + 1
    limiter.wait("x", 1)
    assert not limiter._failures
