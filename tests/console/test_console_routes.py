"""The routes: pages, sending, clicks, reading, completion, postmortems, and what is refused in words."""

from __future__ import annotations

import httpx
import pytest

from bot.delivery import ClickDelivery, Receipt, TextDelivery
from bot.platforms.console.platform import ConsolePlatform
from commands.cards import card
from commands.people import Directory
from commands.ports import Post, Room
from tests.console.scene import POSTMORTEM, busy_night
from tests.console.serving import Stage, csrf_in
from tests.console.vocabulary import vocabulary


def message(text: str, **more: object) -> dict[str, object]:
    return {"channel": "operations", "text": text, "id": "delivery-1"} | more


async def test_the_front_page_is_the_first_channel(stage: Stage) -> None:
    async with stage.browser() as client:
        assert (await client.get("/")).headers["location"] == "/c/operations"


async def test_a_channel_is_whole_without_a_script(ana: httpx.AsyncClient) -> None:
    page = (await ana.get("/c/operations")).text
    assert '<p class="words" dir="auto">hello</p>' in page
    assert 'data-zone="Europe/Lisbon"' in page
    assert 'data-cursor="1"' in page
    assert 'href="/c/secret"' in page


async def test_a_whole_night_renders_for_everybody(stage: Stage) -> None:
    stage.record = busy_night()
    async with stage.visitor() as client:
        for channel in stage.record.rooms:
            assert (await client.get(f"/c/{channel}")).status_code == 200
        page = (await client.get("/c/operations")).text
        assert page.index("Running incidents") < page.index("Channels</h2>") < page.index("Earlier incidents")


async def test_a_private_channel_does_not_exist_for_others(stage: Stage, ben: httpx.AsyncClient) -> None:
    stage.record.put("secret", "hush", author="ana")
    for path in ("/c/secret", "/c/none", "/api/channels/secret/messages", "/api/channels/secret/thread?key=x"):
        answer = await ben.get(path)
        assert answer.status_code == 404
        assert "hush" not in answer.text
    body = {"channel": "secret", "text": "x", "id": "delivery-1"}
    assert (await ben.post("/api/messages", json=body)).status_code == 404
    assert (await ben.post("/api/messages", json=body | {"text": "/help"})).status_code == 404
    click = {"channel": "secret", "token": "t", "id": "delivery-1"}
    assert (await ben.post("/api/clicks", json=click)).status_code == 404
    assert (await ben.post("/api/read", json={"channel": "secret", "message": 1})).status_code == 404
    assert stage.intake.taken == []


async def test_nothing_to_read_at_all_is_said(stage: Stage) -> None:
    stage.record.rooms.clear()
    async with stage.browser() as client:
        answer = await client.get("/")
    assert answer.status_code == 404
    assert "There is no channel yet." in answer.text


async def test_nobody_configured_is_said(stage: Stage) -> None:
    stage.people = Directory([])
    async with stage.browser() as client:
        assert (await client.get("/")).status_code == 401


async def test_a_line_is_said_once_for_its_id(stage: Stage, ana: httpx.AsyncClient) -> None:
    first = (await ana.post("/api/messages", json=message("hi"))).json()
    again = (await ana.post("/api/messages", json=message("hi"))).json()
    assert first == again
    assert first["kind"] == "said"
    assert first["message"]["author"] == "ana"
    assert [view.text for view in stage.record.list] == ["hello", "hi"]


async def test_the_same_id_of_another_person_is_another_message(
    stage: Stage, ana: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    await ana.post("/api/messages", json=message("mine"))
    await ben.post("/api/messages", json=message("mine too"))
    assert [view.author for view in stage.record.list] == ["ben", "ana", "ben"]


async def test_a_line_with_a_slash_is_a_command(stage: Stage, ana: httpx.AsyncClient) -> None:
    stage.intake.receipt = Receipt(accepted=True, reply_key="k", channel="incident-1")
    answer = await ana.post("/api/messages", json=message("  /gw scale 5 ", thread="hello"))
    assert answer.json() == {
        "kind": "command", "accepted": True, "duplicate": False, "reply_key": "k", "channel": "incident-1"
    }  # fmt: skip
    assert stage.intake.taken == [
        TextDelivery(platform="console", id="delivery-1", person="ana", channel="operations", text="/gw scale 5",
                     thread="hello")
    ]  # fmt: skip
    again = await ana.post("/api/messages", json=message("/gw scale 5"))
    assert again.json()["duplicate"] is True


async def test_a_hundred_kilobytes_reach_the_pipeline(stage: Stage, ana: httpx.AsyncClient) -> None:
    await ana.post("/api/messages", json=message("/incident note " + "ж" * 50_000))
    assert len(stage.intake.taken[0].text) == 50_015  # type: ignore[union-attr]


async def test_text_that_no_database_takes_is_made_readable(stage: Stage, ana: httpx.AsyncClient) -> None:
    body = b'{"channel": "operations", "text": "a\\u0000b\\ud800c \\ud83d\\ude00", "id": "delivery-1"}'
    answer = await ana.post("/api/messages", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert stage.record.list[-1].text == "ab\N{REPLACEMENT CHARACTER}c \N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "   "}, "text: there is nothing to send"),
        ({"id": "short"}, "id: "),
        ({"id": "../../etc/passwd"}, "id: "),
        ({"person": "ben"}, "person: "),
        ({"text": 7}, "text: "),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_in_words(
    stage: Stage, ana: httpx.AsyncClient, body: dict[str, object], words: str
) -> None:
    answer = await ana.post("/api/messages", json=message("x") | body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(words)
    assert len(stage.record.list) == 1


async def test_a_click_is_handed_on(stage: Stage, ana: httpx.AsyncClient) -> None:
    stage.intake.receipt = Receipt(accepted=False, reply_key="why")
    body = {"channel": "operations", "token": "tok", "id": "delivery-1"}
    answer = await ana.post("/api/clicks", json=body)
    assert answer.json() == {"accepted": False, "duplicate": False, "reply_key": "why", "channel": "operations"}
    assert stage.intake.taken == [ClickDelivery("console", "delivery-1", "ana", "operations", "tok")]


@pytest.mark.parametrize("path", ["/api/messages", "/api/clicks", "/api/read", "/api/commands", "/c/operations"])
async def test_a_store_that_does_not_answer_is_said(stage: Stage, ana: httpx.AsyncClient, path: str) -> None:
    stage.record.trouble = stage.intake.trouble = "The disk is full; free some space."
    bodies = {
        "/api/messages": message("/help"),
        "/api/clicks": {"channel": "operations", "token": "t", "id": "delivery-1"},
        "/api/read": {"channel": "operations", "message": 1},
    }
    answer = await (ana.post(path, json=bodies[path]) if path in bodies else ana.get(path))
    if path == "/api/commands":
        assert answer.status_code == 200, "the commands are in memory"
        return
    assert answer.status_code == 503
    assert "The disk is full; free some space." in answer.text


async def test_a_mistake_of_ours_is_told_without_its_inside(
    stage: Stage, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr(stage.record, "say", broken)
    answer = await ana.post("/api/messages", json=message("x"))
    assert answer.status_code == 500
    assert "inner detail" not in answer.text
    assert "inner detail" in caplog.text


async def test_reading_moves_the_mark(stage: Stage, ana: httpx.AsyncClient) -> None:
    assert 'data-unread="1"' in (await ana.get("/c/operations")).text
    answer = await ana.post("/api/read", json={"channel": "operations", "message": 1})
    assert answer.status_code == 204
    assert stage.record.seen == {("operations", "ana"): 1}
    assert 'data-unread="1"' not in (await ana.get("/c/operations")).text


async def test_older_messages_come_in_stretches(stage: Stage, ana: httpx.AsyncClient) -> None:
    for number in range(150):
        stage.record.put("operations", f"line {number}", author="ben")
    page = (await ana.get("/c/operations")).text
    assert "line 149" in page
    assert "line 89<" not in page
    first = (await ana.get("/api/channels/operations/messages?before=92")).json()
    assert len(first["messages"]) == 60
    assert "line 89<" in first["messages"][-1]["html"]
    last = (await ana.get(f"/api/channels/operations/messages?before={first['before']}")).json()
    assert len(last["messages"]) == 31
    assert last["before"] is None


async def test_replies_are_in_their_thread(stage: Stage, ana: httpx.AsyncClient) -> None:
    await ana.post("/api/messages", json=message("only a reply", thread="hello"))
    page = (await ana.get("/c/operations")).text
    assert "only a reply" not in page
    assert "1 reply</button>" in page
    thread = (await ana.get("/api/channels/operations/thread", params={"key": "hello"})).json()
    assert [one["thread"] for one in thread["messages"]] == ["hello"]


async def test_completion_offers_what_the_person_may_run(stage: Stage) -> None:
    stage.registry = vocabulary()
    async with stage.visitor() as ana, stage.visitor("ben") as ben:
        offered = (await ana.get("/api/commands")).json()
        names = [one["name"] for one in offered["commands"]]
        assert names == ["/gw scale", "/gw status", "/help", "/incident declare", "/incident list", "/incident note"]
        assert offered["commands"][0] == {
            "name": "/gw scale", "usage": "/gw scale <replicas>", "summary": "Change how many.",
            "example": "/gw scale 5", "where": "anywhere",
        }  # fmt: skip
        assert {"id": "ana", "name": "Ana Ruiz", "title": "Site reliability"} in offered["people"]
        assert [one["name"] for one in (await ben.get("/api/commands")).json()["commands"]] == names[1:]


async def test_a_postmortem_is_a_page_and_a_file(stage: Stage, ana: httpx.AsyncClient) -> None:
    stage.record.room("incident-1", incident="incident-1")
    stage.record.drafts["incident-1"] = POSTMORTEM
    link = await ana.get("/c/incident-1/postmortem")
    page = await ana.get(link.headers["location"])
    assert "<h1>Checkout answers 502</h1>" in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert 'href="/c/incident-1"' in page.text
    file = await ana.get("/postmortems/incident-1.md")
    assert file.text == POSTMORTEM
    assert file.headers["content-disposition"] == 'attachment; filename="postmortem-incident-1.md"'
    assert (await ana.get("/postmortems/other")).status_code == 404
    assert (await ana.get("/c/operations/postmortem")).status_code == 404


async def test_switching_goes_back_to_where_one_was(ana: httpx.AsyncClient) -> None:
    page = (await ana.get("/c/operations")).text
    form = {"person": "ben", "csrf": csrf_in(page), "next": "/c/operations"}
    answer = await ana.post("/whoami", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/c/operations")
    assert 'data-reader="ben"' in (await ana.get("/c/operations")).text


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example"])
async def test_switching_leads_nowhere_else(ana: httpx.AsyncClient, to: str) -> None:
    form = {"person": "ben", "csrf": ana.headers["X-CSRF-Token"], "next": to}
    assert (await ana.post("/whoami", data=form)).headers["location"] == "/"


async def test_switching_needs_the_token_and_a_person(ana: httpx.AsyncClient) -> None:
    assert (await ana.post("/whoami", data={"person": "ben"})).status_code == 403
    form = {"person": "tocsin", "csrf": ana.headers["X-CSRF-Token"]}
    assert (await ana.post("/whoami", data=form)).status_code == 404


async def test_pages_that_do_not_exist_say_so(ana: httpx.AsyncClient) -> None:
    assert "There is no such page." in (await ana.get("/nowhere")).text
    assert (await ana.get("/api/nowhere")).json()["error"] == "There is no such page."
    assert (await ana.get("/docs")).status_code == 404
    assert (await ana.get("/login")).status_code == 404


async def test_health_is_that_of_the_store(stage: Stage) -> None:
    async with stage.browser() as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        stage.record.trouble = "locked"
        assert (await client.get("/healthz")).status_code == 503


async def test_the_platform_wakes_the_pages(stage: Stage) -> None:
    platform = ConsolePlatform(stage.hub)
    with stage.hub.subscribe() as subscription:
        beats = aiter(subscription.beats())
        await anext(beats)
        assert await platform.open_channel(Room(name="c", platform="console", private=False)) == "c"
        assert await platform.post("c", Post(key="k", card=card("x"))) == "k"
        await platform.edit("c", "k", Post(key="k", card=card("y")))
        await anext(beats)
        await beats.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path",
    ["/api/channels/operations/messages?before=", "/events?since=", "/api/channels/operations/messages?before=-"],
)
async def test_a_number_that_no_database_keeps_is_refused_with_words(ana: httpx.AsyncClient, path: str) -> None:
    answer = await ana.get(f"{path}{'9' * 25}")
    assert answer.status_code == 422
    assert "should be" in answer.json()["error"]


async def test_having_read_beyond_what_a_database_counts_is_refused(ana: httpx.AsyncClient) -> None:
    answer = await ana.post("/api/read", json={"channel": "operations", "message": 10**25})
    assert (answer.status_code, "message" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize("path", ["/c/operations%00", "/api/channels/operations%00/messages"])
async def test_a_nul_in_an_address_is_as_if_it_were_not_there(ana: httpx.AsyncClient, path: str) -> None:
    assert (await ana.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/postmortems/x%00", "/postmortems/x%00.md", "/c/x%00/postmortem"])
async def test_a_nul_in_an_address_of_nothing_is_nothing(ana: httpx.AsyncClient, path: str) -> None:
    assert (await ana.get(path)).status_code == 404


async def test_a_thread_with_a_nul_is_made_legible(stage: Stage, ana: httpx.AsyncClient) -> None:
    for text in ("/help", "hello"):
        body = {"channel": "operations", "text": text, "thread": "a\x00", "id": f"thread-{len(text)}-x"}
        assert (await ana.post("/api/messages", json=body)).status_code == 200
    assert (stage.intake.taken[-1].thread, stage.record.list[-1].thread) == ("a", "a")  # type: ignore[union-attr]
