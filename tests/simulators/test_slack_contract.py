"""The simulated Slack knows no method, error, event or field that the published reference does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.simulators.slack import Slack, contract
from tests.simulators.slack.events import ALSO_SENT, EVERYTHING
from tests.simulators.slack.installs import SCOPES
from tests.simulators.slack.web.call import ERRORS, HANDLERS

pytestmark = pytest.mark.skipif(not contract.methods(), reason=contract.ABSENT)

# What Slack sends and the published shapes leave out.
UNLISTED = {
    "block_actions": {"is_enterprise_install", "response_url", "state", "enterprise"},
    "message_action": {"is_enterprise_install", "action_ts", "enterprise"},
    "view_submission": {"response_urls"},
}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start() as running:
        yield running


@pytest.mark.parametrize("name", sorted(HANDLERS))
def test_methods_and_their_errors_are_in_the_reference(name: str) -> None:
    assert name in contract.methods()
    assert name in contract.tiers()
    assert set(ERRORS[name]) <= contract.methods()[name].errors


def test_events_and_scopes_are_in_the_reference() -> None:
    assert set(EVERYTHING) <= set(contract.events()) | set(ALSO_SENT)
    scopes = {scope for one in contract.methods().values() for scope in one.scopes}
    scopes |= {scope for some in contract.events().values() for scope in some}
    unlisted = {"channels:join", "chat:write.customize", "chat:write.public", "commands"}
    assert set(SCOPES) - unlisted <= scopes


@pytest.mark.parametrize("name", sorted(HANDLERS))
def test_the_published_arguments_of_a_method_are_taken(name: str) -> None:
    """No argument of the reference counts as unknown."""
    from tests.simulators.slack.web.arguments import problems

    example = {one: _example(page) for one, page in contract.methods()[name].arguments.items()}
    assert [one for one in problems(name, example, as_json=False) if "unexpected" in one] == []


def _example(page: dict[str, Any]) -> Any:
    return {"boolean": "true", "integer": "1", "number": "1"}.get(str(page.get("type")), "x")


def unpublished(payload: dict[str, Any], name: str) -> set[str]:
    """The keys of a payload that the published shape does not have."""
    known = set(contract.payload(name)) | UNLISTED.get(payload.get("type", ""), set())
    return set(payload) - known


async def test_interactions_have_the_published_shape(slack: Slack) -> None:
    await slack.slash("ana", "/incident", "list", channel="incidents")
    command = slack.core.deliveries.sent[-1].payload
    shape = contract.payload("slash-commands/SlashCommandPayload.json")
    assert set(shape) - set(command) == {"enterprise_id", "enterprise_name"}
    assert set(command) <= set(shape)
    bot_message = slack.core.happen.message(slack.channel("incidents"), slack.bot, "card", blocks=[_ACTIONS])
    slack.core.happen.post(slack.channel("incidents"), bot_message)
    await slack.click("ana", bot_message, "Go")
    pressed = slack.core.deliveries.sent[-1].payload
    assert unpublished(pressed, "interactive-components/BlockActionPayload.json") == set()
    shape = contract.payload("interactive-components/BlockActionPayload.json")
    assert set(pressed["container"]) <= set(shape["container"])
    assert set(pressed["user"]) <= set(shape["user"])
    await slack.message_shortcut("ana", "incidents", bot_message, "add")
    chosen = slack.core.deliveries.sent[-1].payload
    assert unpublished(chosen, "interactive-components/MessageShortcutPayload.json") == set()


_ACTIONS: dict[str, Any] = {
    "type": "actions",
    "block_id": "b",
    "elements": [{"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}],
}


async def test_modals_have_the_published_shape(slack: Slack) -> None:
    content = {
        "type": "modal",
        "notify_on_close": True,
        "title": {"type": "plain_text", "text": "Title"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "divider", "block_id": "d"}],
    }
    for _ in range(2):
        slack.core.screens.open(slack.team, slack.user("ana").id, content)
        await slack.submit("ana")
        sent = slack.core.deliveries.sent[-1].payload
        assert unpublished(sent, "views/ViewSubmissionPayload.json") == set()
        assert set(sent["view"]) - set(contract.payload("views/ViewSubmissionPayload.json")["view"]) == {"blocks"}
        await slack.close("ana")
        closed = slack.core.deliveries.sent[-1].payload
        assert unpublished(closed, "views/ViewClosedPayload.json") == set()
