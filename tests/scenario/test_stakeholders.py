"""Stakeholders: who is told, in which form, once, and by whose word."""

from __future__ import annotations

from commands.cards import Tone
from commands.ports import Room
from tests.scenario.stage import Stage, Still, golden, transcript
from tests.scenario.stakeholders import Told
from tests.world import settings_for, world


async def test_each_is_told_of_a_declaration_in_its_form(told: Told) -> None:
    await told.stage.types("ana", "general", '/incident declare sev1 pods of hydra die --impact "Logins fail."')
    said = await told.sends()
    assert said == ""
    (mail,) = told.inbox.mails
    assert mail["Subject"] == "Gateway issues (incident-20260301-001)"
    assert (mail["To"], mail["Message-ID"]) == ("leads@example.com", "<incident-20260301-001.leads.1@example.com>")
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert (
        text.get_content().replace("\r\n", "\n")
        == golden("""
        SEV1 · investigating · Gateway issues

        What customers notice: Logins fail.
        Since: 2026-03-01 12:00 UTC
        What is being done: The cause is being looked for.
        Next word: 2026-03-01 12:15 UTC

        incident-20260301-001
        """)
        + "\n"
    )
    assert "<strong>What customers notice:</strong> Logins fail." in html.get_content()
    (card,) = told.teams.cards
    assert card["title"] == "SEV1 · investigating · Gateway issues"
    facts = {one["name"]: one["value"] for one in card["sections"][0]["facts"]}
    assert facts["What customers notice"] == "Logins fail."
    (hook,) = told.hooks
    assert hook.headers["Idempotency-Key"] == "incident-20260301-001:hub:1"
    assert hook.json["brief"]["conditions"] == ["Service gateway", "Impact: Logins fail."]
    assert hook.json["text"].startswith("SEV1 · investigating · pods of hydra die")


async def test_what_follows_is_one_thread_and_goes_to_whoever_was_told(told: Told) -> None:
    channel = (await told.stage.declares()).channel
    said = await told.stage.types("ana", channel, "/incident status identified bad deploy of hydra")
    assert said[said.index("[#network") :] == golden("""
        [#network, all]
        SEV1 · identified · API answers 502
          bad deploy of hydra
          Since: 2026-03-01 12:00 UTC
          Conditions: Service gateway
          Actions: No change has been made.
          Needs: Somebody as incident commander, technical lead, communications lead
          Next word: 12:15 UTC
          (incident-20260301-001)
        """)
    await told.stage.quietly("ana", channel, "/incident note a note is nobody's business out there")
    await told.stage.quietly("ana", channel, "/incident severity sev3 one route")
    await told.stage.quietly("ana", channel, "/incident status identified still on it")
    await told.stage.quietly("ana", channel, "/incident resolve rolled back")
    await told.sends()
    texts = [str(mail.get_body(("plain",)).get_content()) for mail in told.inbox.mails]  # type: ignore[union-attr]
    heads = [text.splitlines()[0] for text in texts]
    assert heads == [
        "SEV1 · investigating · Gateway issues",
        "SEV1 · identified · Gateway issues",
        "SEV3 · identified · Gateway issues",
        "SEV3 · resolved · Gateway issues",
    ], "an update of a SEV3 is not for them, its end is"
    assert {mail["In-Reply-To"] for mail in told.inbox.mails[1:]} == {"<incident-20260301-001.leads.1@example.com>"}
    assert len({mail["Message-ID"] for mail in told.inbox.mails}) == len(told.inbox.mails)
    assert len({mail["Subject"] for mail in told.inbox.mails}) == 1
    assert not [text for text in texts if "hydra" in text], "a blocked word leaves the house in no executive form"
    assert [card["title"] for card in told.teams.cards] == heads
    assert [hook.json["brief"]["why"] for hook in told.hooks] == [
        "declared", "status", "severity", "update", "resolved",
    ]  # fmt: skip


async def test_a_duplicate_is_not_told_as_the_end(told: Told) -> None:
    other = (await told.stage.declares()).channel
    here = (await told.stage.declares("sev1 logins fail")).channel
    said = await told.stage.types("ana", here, f"/incident merge {other}")
    assert said[said.index("[#network") :] == golden("""
        [#network, all]
        SEV1 · closed · API answers 502
          It is the same as another incident, and goes on there.
          Since: 2026-03-01 12:00 UTC
          Conditions: Service gateway
          Actions: No change has been made.
          Needs: Nothing at the moment.
          (incident-20260301-001)
        """)
    card = (await told.stage.world.app.record.messages("network", "ana"))[-1].card
    assert card is not None
    assert card.tone is Tone.CRITICAL, "nothing is well yet"
    await told.sends()
    texts = [str(mail.get_body(("plain",)).get_content()) for mail in told.inbox.mails]  # type: ignore[union-attr]
    mail = next(text for text in texts if "closed" in text)
    assert "What is being done: It goes on in another incident." in mail
    teams = next(one for one in told.teams.cards if "closed" in one["title"])
    facts = {one["name"]: one["value"] for one in teams["sections"][0]["facts"]}
    assert facts["What is being done"] == "It goes on in another incident."
    words = [mail, str(teams), *(hook.json["text"] for hook in told.hooks)]
    assert not [one for one in words if "Over since" in one or "It is over" in one]
    assert teams["themeColor"] == "C62828"


async def sent(told: Told, channel: str) -> None:
    """What may not be said is refused; the rest is previewed, sent, and there."""
    said = await told.stage.asks("ana", channel, "/stakeholders send executive ask Ben Okafor at 10.0.0.7")
    assert said == golden("""
        That is not for the public.
          line 1: Ben Okafor (a person); line 1: 10.0.0.7 (an address). Say it without.
          Try: /stakeholders send executive what may be said
          (You typed: /stakeholders send executive ask Ben Okafor at 10.0.0.7)
        """)
    await told.stage.news()
    said = await told.stage.types("ana", channel, "/stakeholders send executive One login in ten fails.")
    assert said == golden("""
        [#incident-20260301-001, all]
        To 2 stakeholders: SEV1 · investigating · Gateway issues
          One login in ten fails.
          Next word: 12:15 UTC
          Goes to: leads (mail), support (teams)
          [Send] [Discard]
          (incident-20260301-001)
        """)
    assert await told.stage.presses("ana", channel, "Send") == golden("""
        [#incident-20260301-001, all, edited]
        To the stakeholders (executive)
          Sent by @Ana Ruiz.
        [#incident-20260301-001, all]
        Told 2 stakeholders (executive)
          @Ana Ruiz told leads, support.
          Whether it has reached them: /stakeholders
        """)
    await told.sends(minutes=1)
    assert "One login in ten fails." in told.inbox.mails[-1].as_string()
    assert told.teams.cards[-1]["sections"][0]["text"] == "One login in ten fails."
    assert "told leads, support: One login in ten fails." in await told.stage.asks("ana", channel, "/incident timeline")
    assert await told.stage.asks("ana", channel, "/stakeholders") == golden("""
        4 places told of incident-20260301-001
          leads (mail) · executive · SEV1, SEV2 · told 2026-03-01 12:01 UTC
          network (channel) · tactical · all severities · told 2026-03-01 12:00 UTC
          support (teams) · executive · SEV1 · told 2026-03-01 12:01 UTC
          hub (webhook) · tactical · all severities · told 2026-03-01 12:00 UTC
          (To tell them something yourself: /stakeholders send executive TEXT)
        """)


async def discarded(told: Told, channel: str) -> None:
    """In the other form, and then not at all."""
    await told.stage.news()
    said = await told.stage.types("ana", channel, "/stakeholders send tactical")
    assert said == golden("""
        [#incident-20260301-001, all]
        To 2 stakeholders: SEV1 · investigating · API answers 502
          Since: 2026-03-01 12:00 UTC
          Conditions: Service gateway
          Actions: No change has been made.
          Needs: Somebody as incident commander, technical lead, communications lead
          Next word: 12:15 UTC
          Goes to: network (channel), hub (webhook)
          [Send] [Discard]
          (incident-20260301-001)
        """)
    assert await told.stage.presses("ben", channel, "Discard") == golden("""
        [#incident-20260301-001, all, edited]
        To the stakeholders (tactical)
          Discarded by @Ben Okafor.
        """)


@transcript("/stakeholders", "/stakeholders send")
async def test_who_is_told_and_somebody_tells_them_more(told: Told) -> None:
    channel = (await told.stage.declares()).channel
    assert await told.stage.asks("ana", channel, "/stakeholders") == golden("""
        4 places told of incident-20260301-001
          leads (mail) · executive · SEV1, SEV2 · on its way since 12:00 UTC
          network (channel) · tactical · all severities · told 2026-03-01 12:00 UTC
          support (teams) · executive · SEV1 · on its way since 12:00 UTC
          hub (webhook) · tactical · all severities · on its way since 12:00 UTC
          (To tell them something yourself: /stakeholders send executive TEXT)
        """)
    await told.sends()
    await sent(told, channel)
    await discarded(told, channel)


async def _taken(room: str, told: Told) -> None:
    """Somebody has the channel for themselves by now."""
    its = Room(name=room, platform="console", private=True)
    await told.stage.world.app.store.transact("taken", lambda tx: tx.messages.open_channel(its))


async def test_a_channel_that_is_taken_keeps_the_word_from_nobody_else(told: Told) -> None:
    await _taken("network", told)
    channel = (await told.stage.declares()).channel
    await told.stage.quietly("ana", channel, "/stakeholders send tactical We roll back.")
    assert await told.stage.presses("ana", channel, "Send") == golden("""
        [#incident-20260301-001, all, edited]
        To the stakeholders (tactical)
          Sent by @Ana Ruiz.
        [#incident-20260301-001, all]
        Told 1 stakeholder (tactical)
          @Ana Ruiz told hub.
          Not told: network. The channel is somebody else's; the setting stakeholders names it.
          Whether it has reached them: /stakeholders
        """)
    await told.sends()
    assert [hook.json["brief"]["words"] for hook in told.hooks] == ["", "We roll back."]
    assert "told hub: We roll back." in await told.stage.asks("ana", channel, "/incident timeline")


async def test_a_private_incident_is_told_to_whom_that_was_granted_or_on_purpose(told: Told) -> None:
    channel = (await told.stage.declares("sev1 leaked keys --private")).channel
    await told.sends()
    assert [len(told.inbox.mails), len(told.teams.cards), len(told.hooks)] == [0, 0, 1]
    assert await told.stage.asks("ana", channel, "/stakeholders send") == golden("""
        The incident is private.
          To tell them of it on purpose:
          Try: /stakeholders send executive --private
          (You typed: /stakeholders send)
        """)
    await told.stage.news()
    await told.stage.quietly("ana", channel, "/stakeholders send --private executive We look into it.")
    await told.stage.presses("ana", channel, "Send")
    await told.sends()
    assert [len(told.inbox.mails), len(told.teams.cards)] == [1, 1]
    assert "leaked keys" not in told.inbox.mails[0].as_string()


async def test_what_was_told_last_is_known_on_both_kinds_of_database(database_url: str) -> None:
    places = {name: {"kind": "channel", "channel": name} for name in ("leads", "support")}
    async with world(settings_for(database_url, stakeholders=places), clock=Still()) as running:
        stage = Stage(running)
        first = (await stage.declares()).channel
        stage.later(minutes=5)
        await stage.quietly("ana", first, "/incident status identified bad deploy")
        stage.later(minutes=5)
        await stage.declares("sev2 slow")
        last = await running.app.store.look(lambda tx: tx.stakeholders.last(None))
        here = await running.app.store.look(lambda tx: tx.stakeholders.last(first))
    assert {name: one.incident for name, one in last.items()} == dict.fromkeys(places, "incident-20260301-002")
    assert {name: (one.incident, one.number) for name, one in here.items()} == dict.fromkeys(places, (first, 2))
