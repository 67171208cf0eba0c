"""Stakeholders by mail, cards and webhooks: what arrives there, and what becomes of those who are deaf."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from bot.adapters.stakeholders.mail import Mail
from bot.adapters.stakeholders.teams import Connector, Workflow
from bot.adapters.stakeholders.webhook import Webhook
from bot.settings import SettingsError
from bot.world.settings import MailSettings
from commands.domain.stakeholder import Brief, Form, StakeholderUpdate, Why
from commands.errors import Unavailable
from commands.ports import Rejected
from tests.fakes import START
from tests.scenario.stage import golden
from tests.scenario.stakeholders import SECRET, Inbox, Told
from tests.simulators.teams_webhook import MOST_BYTES
from tests.simulators.wire import Answer
from tests.world import settings_for


async def test_those_who_are_deaf_hold_up_nobody(told: Told) -> None:
    told.inbox.says = "451 greylisted"
    told.wires["teams"].before = lambda _: Answer(200, "Webhook message delivery failed: HTTP error 429 throttled")
    told.wires["hub"].before = lambda _: Answer(500, "<html>")
    channel = (await told.stage.declares()).channel
    await told.sends()
    await told.sends(seconds=10)
    said = await told.sends(minutes=2)
    assert said == golden("""
        [#incident-20260301-001, all]
        Stakeholder hub is behind
          Update 1 (declared): The webhook answers with status 500.
          It is tried again until it is there. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        [#incident-20260301-001, all]
        Stakeholder leads is behind
          Update 1 (declared): The mail server says 451: greylisted.
          It is tried again until it is there. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        """)
    await told.stage.quietly("ana", channel, "/incident resolve rolled back")
    behind = await told.integrations()
    assert "leads: 2 updates behind since 12:00 UTC (tried again). The mail server says 451: greylisted." in behind
    assert "support: 2 updates behind since 12:00 UTC (tried again). Teams takes no more for now" in behind
    assert "hub: 2 updates behind since 12:00 UTC (tried again). The webhook answers with status 500." in behind
    told.inbox.says = "250 OK"
    for wire in (told.wires["teams"], told.wires["hub"]):
        wire.before = lambda _: None
    await told.sends(minutes=20)
    assert [len(told.inbox.mails), len(told.teams.cards), len(told.hooks)] == [2, 2, 2], "in their order, each once"
    assert "up to date" in await told.integrations()


async def test_what_is_refused_is_told_once_and_not_tried_again(told: Told) -> None:
    told.inbox.refuses = {"leads@example.com"}
    told.wires["teams"].before = lambda _: Answer(404, "No such webhook")
    told.wires["hub"].before = lambda _: Answer(302, headers={"Location": "https://elsewhere.example"})
    await told.stage.declares()
    said = await told.sends()
    assert said == golden("""
        [#incident-20260301-001, all]
        Stakeholder hub is behind
          Update 1 (declared): status 302
          It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        [#incident-20260301-001, all]
        Stakeholder leads is behind
          Update 1 (declared): the mail server says 550: no recipient was accepted
          It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        [#incident-20260301-001, all]
        Stakeholder support is behind
          Update 1 (declared): status 404: No such webhook
          It is not tried again by itself. If it cannot wait, do it there by hand. More: /tocsin integrations
          [Try again] [Done by hand]
        """)
    asked = len(told.wires["teams"].asked)
    await told.sends(hours=1)
    assert len(told.wires["teams"].asked) == asked


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(told: Told) -> None:
    told.wires["hub"].lose = 1
    await told.stage.declares()
    await told.sends()
    await told.sends(minutes=1)
    keys = [hook.headers["Idempotency-Key"] for hook in told.hooks]
    assert keys == ["incident-20260301-001:hub:1"] * 2


def _update(text: str = "", lines: int = 0) -> StakeholderUpdate:
    brief = Brief(
        incident="incident-20260301-001", form=Form.TACTICAL, why=Why.UPDATE, at=START, title=text or "API is down",
        severity="SEV1", severity_name="critical", status="investigating", since=START, changed=text,
        conditions=("x" * 3000,) * lines, actions=("y" * 3000,) * lines, needs=("z" * 3000,) * lines,
    )  # fmt: skip
    return StakeholderUpdate(
        id="incident-20260301-001:a:1", incident=brief.incident, place="a", number=1, at=START, brief=brief
    )


async def test_a_card_is_cut_to_what_teams_takes(wires: dict[str, Any]) -> None:
    await Connector(wires["teams"].url, "UTC").send(_update("*a* [b](http://c)", 9), text="", html="")
    assert len(wires["teams"].asked[0].body) <= MOST_BYTES
    (card,) = wires["simulator"].cards
    assert card["sections"][0]["markdown"] is False, "what people typed is no markup"
    workflow = Workflow(wires["teams"].url, "UTC")
    await workflow.send(_update("*a* [b](http://c)", 9), text="", html="")
    await workflow.close()
    assert len(wires["teams"].asked[1].body) <= MOST_BYTES
    lines = ["".join(run["text"] for run in block["inlines"]) for block in wires["simulator"].cards[1]["body"]]
    assert lines[:2] == ["SEV1 · investigating · *a* [b](http://c)", "*a* [b](http://c)"]
    assert lines[2] == "Since: 2026-03-01 12:00 UTC"


async def test_one_that_never_answers_is_given_up(wires: dict[str, Any]) -> None:
    released = threading.Event()
    wires["teams"].before = wires["hub"].before = lambda _: Answer() if released.wait(30) else None
    for slow in (
        Connector(wires["teams"].url, "UTC", timeout=0.2),
        Webhook(wires["hub"].url, SECRET, lambda: START, timeout=0.2),
    ):
        with pytest.raises(Unavailable, match="does not answer"):
            await slow.send(_update(), text="", html="")
    released.set()


async def test_mail_is_encrypted_and_signed_in_for_where_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    # where the library that encrypts finds the authority of this test; people have theirs in the system
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    seen: list[LoginPassword] = []

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        seen.append(data)
        return AuthResult(success=data.password == b"right", handled=False)

    def guarded() -> SMTP:
        return SMTP(inbox, tls_context=server_side, require_starttls=True, authenticator=check, auth_required=True)

    inbox = Inbox()
    server = await asyncio.get_running_loop().create_server(guarded, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = MailSettings(host="127.0.0.1", port=port, username="tocsin", password="right", sender="a@example.com")
    await Mail(told, ["b@example.com"]).send(_update(), text="text", html="<p>text</p>")
    assert [(one.login, one.password) for one in seen] == [(b"tocsin", b"right")]
    assert [mail["To"] for mail in inbox.mails] == ["b@example.com"]
    with pytest.raises(Rejected, match="535"):
        await Mail(told.model_copy(update={"password": SecretStr("wrong")}), ["b@example.com"]).send(
            _update(), text="text", html=""
        )
    server.close()


def test_mail_says_nothing_that_somebody_smuggled_into_a_title() -> None:
    told = MailSettings(host="127.0.0.1", sender="a@example.com")
    mail = Mail(told, ["b@example.com"]).message(_update("API\r\nBcc: all@example.com"), "text", "<p>text</p>")
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "teams", "url": "http://example.com/x"}, "https"),
        ({"kind": "webhook", "url": "https://example.com/x", "secret": "short"}, "16 characters"),
        ({"kind": "mail", "to": ["a@example.com"]}, "mail.host"),
        ({"kind": "mail", "to": ["nobody"]}, "no mail address"),
        ({"kind": "channel"}, "needs it"),
        ({"kind": "channel", "channel": "x", "severities": ["sev9"]}, "no severity"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_for("sqlite:///x.db", stakeholders={"a": wrong})
