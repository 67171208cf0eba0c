"""What stands before the routes: headers, names, origins, sizes, sessions and tokens."""

from __future__ import annotations

import httpx
import pytest
from pydantic import ValidationError

from bot.platforms.console.sessions import Sessions
from bot.platforms.console.settings import ConsoleSettings, hash_password
from tests.console.serving import BASE, SECRET, Stage, visit

HASH = hash_password("right")


async def say(client: httpx.AsyncClient, text: str = "hi", **headers: str) -> httpx.Response:
    body = {"channel": "operations", "text": text, "id": "delivery-1"}
    return await client.post("/api/messages", json=body, headers=headers)


@pytest.mark.parametrize("path", ["/c/operations", "/nowhere", "/api/commands", "/healthz"])
async def test_every_answer_is_protected(ana: httpx.AsyncClient, path: str) -> None:
    headers = (await ana.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_the_page_has_nothing_inline_and_nothing_from_outside(ana: httpx.AsyncClient) -> None:
    page = (await ana.get("/c/operations")).text
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick" not in page
    assert "<script>" not in page
    assert "http://" not in page
    assert "https://" not in page


async def test_styles_and_scripts_may_be_kept_for_good(ana: httpx.AsyncClient) -> None:
    page = (await ana.get("/c/operations")).text
    path = next(part for part in page.split('"') if part.endswith("/app.js"))
    script = await ana.get(path)
    assert script.status_code == 200
    assert "immutable" in script.headers["cache-control"]
    assert (await ana.get(path.replace("app.js", "../app.py"))).status_code == 404


async def test_another_name_for_this_machine_is_refused(stage: Stage) -> None:
    async with stage.browser("http://evil.example:8700") as client:
        answer = await client.get("/")
        assert answer.status_code == 421
        assert "allowed_hosts" in answer.json()["hint"]
        assert "set-cookie" not in answer.headers
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/", headers={"Host": "[half"})).status_code == 421


@pytest.mark.parametrize("base", ["http://localhost:1", "http://127.0.0.1", "http://[::1]:8700", "http://chat.example"])
async def test_its_own_names_are_answered(stage: Stage, base: str) -> None:
    stage.settings = ConsoleSettings(allowed_hosts=("Chat.example",))
    async with stage.browser(base) as client:
        assert (await client.get("/", follow_redirects=True)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": BASE}],
)  # fmt: skip
async def test_another_sites_request_changes_nothing(
    stage: Stage, ana: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await say(ana, **headers)
    assert answer.status_code == 403
    assert len(stage.record.list) == 1


async def test_our_own_origin_is_fine(ana: httpx.AsyncClient) -> None:
    assert (await say(ana, **{"Origin": BASE, "Sec-Fetch-Site": "same-origin"})).status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_wrong_token_changes_nothing(stage: Stage, ana: httpx.AsyncClient, token: str) -> None:
    ana.headers["X-CSRF-Token"] = token
    answer = await say(ana)
    assert answer.status_code == 403
    assert "out of date" in answer.json()["error"]
    assert len(stage.record.list) == 1


async def test_the_token_belongs_to_one_session(ana: httpx.AsyncClient, ben: httpx.AsyncClient) -> None:
    ana.headers["X-CSRF-Token"] = ben.headers["X-CSRF-Token"]
    assert (await say(ana)).status_code == 403


async def test_a_forged_cookie_is_nobody(stage: Stage) -> None:
    forger = Sessions(b"another secret", stage.settings)
    async with stage.browser() as client:
        client.cookies.set(forger.cookie, forger.seal(forger.start("ana")))
        assert (await client.get("/api/commands")).status_code == 401
        client.cookies.set(forger.cookie, "nonsense")
        assert (await client.get("/api/commands")).status_code == 401


async def test_a_session_ends(stage: Stage) -> None:
    settings = ConsoleSettings(authentication="password", passwords={"ana": HASH}, session_hours=1)
    sessions = Sessions(SECRET, settings, now=lambda: 0)
    sealed = sessions.seal(sessions.start("ana"))
    assert sessions.open(sealed) is not None
    assert Sessions(SECRET, settings, now=lambda: 3599).open(sealed) is not None
    assert Sessions(SECRET, settings, now=lambda: 3600).open(sealed) is None


def test_a_new_password_ends_the_sessions_of_the_old_one() -> None:
    before = ConsoleSettings(authentication="password", passwords={"ana": HASH})
    after = ConsoleSettings(authentication="password", passwords={"ana": hash_password("new")})
    sealed = Sessions(SECRET, before).seal(Sessions(SECRET, before).start("ana"))
    assert Sessions(SECRET, before).open(sealed) is not None
    assert Sessions(SECRET, after).open(sealed) is None
    gone = ConsoleSettings(authentication="password", passwords={"ben": HASH})
    assert Sessions(SECRET, gone).open(sealed) is None


def test_a_demos_cookie_opens_no_console_with_passwords() -> None:
    demo = Sessions(SECRET, ConsoleSettings())
    guarded = Sessions(SECRET, ConsoleSettings(authentication="password", passwords={"ana": HASH}))
    assert guarded.open(demo.seal(demo.start("ana"))) is None


async def test_the_cookie_is_for_the_server_only(stage: Stage) -> None:
    stage.settings = ConsoleSettings(secure_cookies=True)
    async with stage.browser("https://localhost") as client:
        cookie = (await client.get("/")).headers["set-cookie"]
    assert cookie.startswith("__Host-tocsin-8700=")
    for flag in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert flag in cookie


async def test_a_link_from_elsewhere_does_not_change_who_one_is(stage: Stage) -> None:
    async with stage.browser() as client:
        for path in ("/", "/c/operations", "/postmortems/x"):
            answer = await client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
            assert 'http-equiv="refresh"' in answer.text
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("size", [256 * 1024 + 1, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(
    stage: Stage, ana: httpx.AsyncClient, size: int, chunked: bool
) -> None:
    async def pieces():  # type: ignore[no-untyped-def]  # noqa: ANN202
        for _ in range(0, size, 65536):
            yield b"x" * 65536
        yield b"x"

    content = pieces() if chunked else b"x" * size
    answer = await ana.post("/api/messages", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "at most 256 KB" in answer.json()["error"]


async def test_a_length_that_is_no_number_is_refused(ana: httpx.AsyncClient) -> None:
    answer = await ana.post("/api/read", content=b"{}", headers={"Content-Length": "many"})
    assert answer.status_code == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "console.example"])
def test_only_loopback_may_be_open_to_everybody(host: str) -> None:
    with pytest.raises(ValidationError, match=r"Set console\.authentication to password"):
        ConsoleSettings(host=host)
    ConsoleSettings(host=host, authentication="password", passwords={"ana": HASH})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_password(host: str) -> None:
    assert host in ConsoleSettings(host=host).names()


def test_passwords_are_there_and_are_hashes() -> None:
    with pytest.raises(ValidationError, match="hash-password"):
        ConsoleSettings(authentication="password")
    with pytest.raises(ValidationError, match=r"passwords\.ana is no argon2 hash"):
        ConsoleSettings(authentication="password", passwords={"ana": "hunter2"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        ConsoleSettings(pasword="x")  # type: ignore[call-arg]


def test_a_secret_does_not_show() -> None:
    assert HASH not in repr(ConsoleSettings(authentication="password", passwords={"ana": HASH}))


async def test_visiting_says_who_one_is(stage: Stage) -> None:
    async with stage.browser() as client:
        assert 'data-testid="me">Ana Ruiz<' in await visit(client)
        assert 'data-testid="me">Ben Okafor<' in await visit(client, "ben")
