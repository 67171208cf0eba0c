"""What people can do in the simulated Slack, and what its client does not let them do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from tests.simulators.slack import Slack
from tests.simulators.slack.bolted import bolt, client, over_http
from tests.simulators.slack.errors import NotPossible


def plain(words: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": words}


def modal(title: str, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A modal with a Send button."""
    body: dict[str, Any] = {"type": "modal", "callback_id": title.lower(), "title": plain(title), **more}
    return body | {"submit": plain("Send"), "blocks": list(blocks) or [{"type": "divider"}]}


def button(words: str, action_id: str) -> dict[str, Any]:
    """A row with one button."""
    return {"type": "actions", "elements": [{"type": "button", "action_id": action_id, "text": plain(words)}]}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start() as running:
        yield running


@pytest.fixture
async def app(slack: Slack) -> AsyncIterator[AsyncApp]:
    listening = bolt(slack)
    async with over_http(slack, listening):
        yield listening


async def test_what_the_client_does_not_allow(slack: Slack) -> None:
    said = await slack.say("ana", "incidents", "x")
    slack.add_stranger("sven", "incidents", team="Vendor")
    with pytest.raises(NotPossible, match="not supported in threads"):
        await slack.slash("ana", "/incident", channel="incidents", thread=said)
    with pytest.raises(NotPossible, match="other organisations"):
        await slack.slash("sven", "/incident", channel="incidents")
    with pytest.raises(NotPossible, match="gus is not in incidents"):
        await slack.slash("gus", "/incident", channel="incidents")
    with pytest.raises(NotPossible, match="own messages"):
        await slack.edit("ben", "incidents", said, "y")
    await slack.deactivate("dora")
    with pytest.raises(NotPossible, match="deactivated"):
        await slack.say("dora", "incidents", "x")
    await slack.archive("ana", "incidents")
    with pytest.raises(NotPossible, match="archived"):
        await slack.say("ana", "incidents", "x")


async def test_a_stranger_speaks_from_elsewhere(slack: Slack) -> None:
    slack.send_to("http://127.0.0.1:9/")
    sven = slack.add_stranger("sven", "incidents", team="Vendor", real_name="Sven Stranger")
    await slack.say("sven", "incidents", "hello")
    sent = slack.core.deliveries.sent[-1].payload
    assert sent["is_ext_shared_channel"]
    assert (sent["event"]["user"], sent["event"]["user_team"]) == (sven.id, sven.team)
    assert sven.team != slack.team.id
    alone = slack.add_user("alone", team=sven.team)
    with pytest.raises(Exception, match="user_not_found"):
        await client(slack).users_info(user=alone.id)


async def test_what_is_typed_is_escaped_and_names_become_mentions(slack: Slack) -> None:
    group = slack.add_group("oncall", ["ben"])
    said = await slack.say("ana", "incidents", "@ben @oncall @here #general a < b & c https://a.example/x")
    ben, general = slack.user("ben").id, slack.channel("general").id
    assert said.text == (
        f"<@{ben}> <!subteam^{group.id}> <!here> <#{general}|general> a &lt; b &amp; c <https://a.example/x>"
    )
    assert slack.transcript("incidents") == (
        "12:00 Ana Alvarez: @Ben Brook @oncall @here #general a < b & c https://a.example/x"
    )


async def test_a_stack_of_modals(slack: Slack, app: AsyncApp) -> None:
    closed: list[str] = []

    @app.shortcut("first")
    async def first(ack: Any, shortcut: Any, client: Any) -> None:
        view = modal("First", button("More", "more"), notify_on_close=True)
        await client.views_open(trigger_id=shortcut["trigger_id"], view=view)
        await ack()

    @app.action("more")
    async def more(ack: Any, body: Any, client: Any) -> None:
        await client.views_push(trigger_id=body["trigger_id"], view=modal("Second", button("More", "more")))
        await ack()

    @app.view("second")
    async def second(ack: Any) -> None:
        await ack(response_action="update", view=modal("Third"))

    @app.view("third")
    async def third(ack: Any) -> None:
        await ack(response_action="clear")

    @app.view_closed("first")
    async def gone(ack: Any, body: Any) -> None:
        await ack()
        closed.append(f"cleared: {body['is_cleared']}")

    async def press_more() -> None:
        top = slack.modal("ana")
        assert top
        await slack.click("ana", top, "More")

    await slack.global_shortcut("ana", "first")
    await press_more()
    assert len(slack.modals("ana")) == 2
    await slack.submit("ana")
    assert [one.split(" ==")[0] for one in slack.modals("ana")] == ["== First", "== Third"]
    await slack.close("ana")
    await slack.close("ana")
    assert (slack.modals("ana"), closed) == ([], ["cleared: False"])
    await slack.global_shortcut("ana", "first")
    await press_more()
    await press_more()
    await press_more()
    assert len(slack.modals("ana")) == 3
    assert slack.calls_of("views.push")[-1].answer["error"] == "push_limit_reached"
    await slack.close("ana", all_of_them=True)
    assert closed[1:] == ["cleared: True"]
    assert [view.content["title"]["text"] for view in slack.views][:3] == ["First", "Second", "Third"]


FIELDS: list[tuple[dict[str, Any], Any, tuple[str, Any]]] = [
    ({"type": "plain_text_input"}, "words", ("value", "words")),
    ({"type": "number_input", "is_decimal_allowed": False}, "5", ("value", "5")),
    (
        {"type": "static_select", "options": [{"text": plain("SEV1"), "value": "1"}]},
        "SEV1",
        ("selected_option", {"text": plain("SEV1"), "value": "1"}),
    ),
    (
        {"type": "checkboxes", "options": [{"text": plain("Private"), "value": "p"}]},
        ["p"],
        ("selected_options", [{"text": plain("Private"), "value": "p"}]),
    ),
    ({"type": "users_select"}, "ben", ("selected_user", "ben")),
    ({"type": "multi_users_select"}, ["ben"], ("selected_users", ["ben"])),
    ({"type": "datepicker"}, "2026-03-01", ("selected_date", "2026-03-01")),
]


KINDS = [str(element["type"]) for element, _, _ in FIELDS]


@pytest.mark.parametrize(("element", "value", "state"), FIELDS, ids=KINDS)
async def test_fields(slack: Slack, app: AsyncApp, element: dict[str, Any], value: Any, state: tuple[str, Any]) -> None:
    got: list[dict[str, Any]] = []
    field = {"type": "input", "block_id": "b", "label": plain("Field"), "element": element | {"action_id": "a"}}

    @app.shortcut("open")
    async def opened(ack: Any, shortcut: Any, client: Any) -> None:
        await client.views_open(trigger_id=shortcut["trigger_id"], view=modal("Form", field))
        await ack()

    @app.view("form")
    async def form(ack: Any, view: Any) -> None:
        got.append(view["state"]["values"]["b"]["a"])
        await ack()

    await slack.global_shortcut("ana", "open")
    with pytest.raises(NotPossible, match="required"):
        await slack.submit("ana")
    await slack.submit("ana", values={"Field": value})
    key, wanted = state
    assert got == [{"type": element["type"], key: _with_ids(slack, wanted)}]


def _with_ids(slack: Slack, wanted: Any) -> Any:
    """Names of people as their ids."""
    if isinstance(wanted, list):
        return [_with_ids(slack, one) for one in wanted]
    return slack.user("ben").id if wanted == "ben" else wanted


async def test_ephemeral_answers_are_replaced_and_deleted(slack: Slack, app: AsyncApp) -> None:
    @app.command("/plan")
    async def plan(ack: Any) -> None:
        await ack(text="plan", blocks=[button("Confirm", "confirm"), button("Forget it", "forget")])

    @app.action("confirm")
    async def confirm(ack: Any, respond: Any) -> None:
        await respond(text="done", replace_original=True, blocks=[button("Forget it", "forget")])
        await ack()

    @app.action("forget")
    async def forget(ack: Any, respond: Any) -> None:
        await respond(delete_original=True)
        await ack()

    await slack.slash("ana", "/plan", channel="incidents")
    shown = slack.message("incidents", "[Confirm]")
    with pytest.raises(NotPossible, match="does not see"):
        await slack.click("ben", shown, "Confirm")
    await slack.click("ana", shown, "Confirm")
    assert "message" not in slack.core.deliveries.sent[-1].payload
    assert slack.transcript("incidents") == "12:00 Tocsin: [Forget it] (only Ana Alvarez sees this)"
    await slack.click("ana", shown, "Forget it")
    assert slack.transcript("incidents") == ""
    assert slack.violations == []


async def test_a_new_day_is_seen(slack: Slack) -> None:
    await slack.say("ana", "incidents", "today")
    await slack.advance(86_400)
    await slack.say("ana", "incidents", "tomorrow")
    assert slack.transcript("incidents").splitlines()[1] == "--- 2026-03-02 ---"


async def test_the_request_url_is_verified(slack: Slack, app: AsyncApp) -> None:
    assert await slack.verify_url()


async def test_home_tabs_and_groups_are_events(slack: Slack) -> None:
    slack.send_to("http://127.0.0.1:9/")
    slack.add_group("oncall", ["ben"])
    assert await slack.open_home("ana") == ""
    slack.set_group("oncall", ["carla"])
    events = [one.payload["event"] for one in slack.core.deliveries.sent]
    assert [one["type"] for one in events] == ["app_home_opened", "subteam_members_changed"]
    assert events[1]["users"] == [slack.user("carla").id]
