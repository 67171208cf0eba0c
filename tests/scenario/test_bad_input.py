"""Whatever is typed is answered with a clear message; nothing is lost, nothing leaks, and the bot stays up."""
# ruff: noqa: RUF001 - letters that look like others are what is tested here

from __future__ import annotations

import pytest

from bot.delivery import TextDelivery
from commands.domain.incident import Noted, Resolved, SeverityChanged, StatusChanged
from commands.registry import Command, discover
from tests.scenario.stage import Stage, answered, golden

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMANDS = sorted(discover().commands.values(), key=lambda command: command.name)

HOSTILE = {
    "nonsense": "frobnicate",
    "negative": "-1",
    "zero": "0",
    "huge": "9" * 40,
    "exponent": "1e9",
    "100 KB": "x" * 100_000,
    "100 KB of words": "token-" * 17_000,
    "NUL": "a\x00b",
    "only NUL": "\x00",
    "controls": "\x01\x07\x1b[31mred\x7f",
    "right to left": "\u202eעברית العربية\u202c",
    "emoji": "👩‍👩‍👧‍👦🔥",
    "invisible": "\u200b\ufeff\u2028",
    "combining": "Z̡̖̜͖̰̣͉̜a̩̝͚̻͍͔ͅl̶̬̺̪̠ͅg̷̤̩o̹̫͓",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "Slack": "<!channel> <@U1> <https://evil.example|good> &lt;&amp;",
    "Markdown": "**b** [x](javascript:alert(1)) `c` # h | t |",
    "SQL": "'; DROP TABLE tocsin_incidents; --",
    "template": "{{ 7*7 }} {% for %} %s {0} ${HOME}",
    "shell": "$(reboot) `reboot` ; | & > /dev/null",
    "unbalanced": 'say "it',
    "only quotes": '"""',
    "smart quotes": "“smart” ‘quotes’ «too»",
    "mistyped option": "--privat",
    "lines": "one\r\n\ttwo\n\n\nthree",
    "path": "../../etc/passwd",
}


#: Each input is given to one in so many commands, to others each time: all of them together would take minutes.
_PARTS = 6


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=list(HOSTILE))
async def test_every_command_answers_whatever_it_is_given(shared: Stage, hostile: str) -> None:
    incident = await shared.declares()
    turn = list(HOSTILE.values()).index(hostile) % _PARTS
    for command in COMMANDS[turn::_PARTS]:
        if not (await shared.world.incident(incident.id)).status.is_open:
            await shared.quietly("ana", incident.channel, "/incident reopen")
        for beginning in {command.name, _first_word(command)}:
            await answered(shared, "ana", incident.channel, f"{beginning} {hostile}")
    accepted, _ = await answered(shared, "ben", "general", hostile)
    assert not accepted
    assert shared.world.gateway.asked == []
    assert (await shared.asks("ana", "general", f"/incident show {incident.id}")).endswith(f"({incident.id})")


def _first_word(command: Command) -> str:
    """The command with the first argument of its example, so that the text is what comes after it."""
    return " ".join(command.example.split()[: len(command.path) + 1])


NOT_TAKEN = {"100 KB", "100 KB of words", "NUL", "only NUL", "mistyped option"}


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in NOT_TAKEN])
async def test_text_that_is_taken_is_kept_as_it_was_typed(shared: Stage, name: str) -> None:
    text = HOSTILE[name]
    incident = await shared.declares()
    await shared.quietly(
        "ana",
        incident.channel,
        f"/incident note {text}",
        f"/incident note --as lesson {text}",
        f"/incident status identified {text}",
        f"/incident severity sev2 {text}",
        f"/incident resolve {text}",
    )
    entries = await shared.world.app.store.look(lambda tx: tx.incidents.timeline(incident.id))
    kept = []
    for entry in entries:
        match entry.event:
            case Noted(text=said) | StatusChanged(note=said) | SeverityChanged(reason=said) | Resolved(summary=said):
                kept.append(said)
    assert kept == [text.strip()] * 5


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("/incident declare sev1 API down --service pay --private", "API down"),
        ("/incident declare --private --service=pay sev1 API down", "API down"),
        ("/incident declare --service pay sev1 API —private down", "API down"),
        ("/incident declare sev1 “API down” –private --service “pay”", "API down"),
        ('/incident declare sev1 it\'s "really" down --private --service pay', 'it\'s "really" down'),
        ("  /INCIDENT   Declare\nSEV-1\tAPI\n down −−private --service pay", "API down"),
    ],
)
async def test_options_stand_where_they_like_with_the_dashes_of_any_keyboard(
    shared: Stage, line: str, title: str
) -> None:
    shared.later(seconds=1)
    await shared.world.command("ana", "general", line)
    found = await shared.world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1))
    incident = found[0]
    assert (incident.title, incident.private, incident.service, incident.severity) == (title, True, "pay", "SEV1")


@pytest.mark.parametrize(
    "mistyped",
    ["--privat", "--Private", "--priv", "-private", "- private", "-- private", "— private", "–privat"],
)
async def test_a_mistyped_private_never_becomes_a_public_title(shared: Stage, mistyped: str) -> None:
    accepted, said = await answered(shared, "ana", "general", f"/incident declare sev1 payroll leak {mistyped}")
    assert not accepted
    assert "has no option" in said
    assert "--private" in said
    found = await shared.world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=100))
    assert not [incident for incident in found if "payroll" in incident.title]


async def test_an_option_never_takes_another_for_its_value(shared: Stage) -> None:
    accepted, said = await answered(shared, "ana", "general", "/incident declare sev1 payroll --service --private")
    assert not accepted
    assert said.splitlines()[0] == "/incident declare: --service needs a value (what is affected)."


async def test_unknown_commands_are_answered_with_the_nearest(shared: Stage) -> None:
    assert await shared.asks("ana", "general", "/incidnet declar sev1 x") == golden("""
        There is no command /incidnet declar.
          Did you mean /incident declare?
          Try: /incident declare sev1 API answers 502
          (You typed: /incidnet declar sev1 x)
        """)
    assert await shared.asks("ana", "general", "/gw scael 10") == golden("""
        There is no command /gw scael.
          Did you mean /gw scale?
          Try: /gw scale 10
          (You typed: /gw scael 10)
        """)
    assert await shared.asks("ana", "general", "/coffee") == golden("""
        There is no command /coffee.
          Try: /help
          (You typed: /coffee)
        """)
    assert await shared.asks("ana", "general", "/") == golden("""
        There is no command /.
          Try: /help
          (You typed: /)
        """)
    assert await shared.asks("ana", "general", "") == golden("""
        That is no command.
          Try: /help
        """)
    assert await shared.asks("ana", "general", f"/{'x' * 7000} y") == golden("""
        There is no command /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.
          Try: /help
          (You typed: /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…)
        """)  # noqa: E501


async def test_long_text_is_refused_with_its_length_and_what_to_do(shared: Stage) -> None:
    incident = await shared.declares()
    assert (await shared.asks("ana", incident.channel, f"/incident note {'x' * 100_000}")).splitlines()[:2] == [
        "That command has 100,015 characters; at most 8,000 are read.",
        "  Put long output into a file or a link, and note the link.",
    ]
    assert (await shared.asks("ana", "general", f"/incident declare sev1 {'x' * 301}")).splitlines()[:2] == [
        "That title has 301 characters; at most 300 fit.",
        "  Declare with a short title, then put the rest into /incident note.",
    ]
    said = await shared.asks("ana", incident.channel, f"/incident link https://x.example {'x' * 201}")
    assert said.splitlines()[0] == "That label has 201 characters; at most 200 fit."
    said = await shared.asks("ana", "general", f"/incident declare sev1 x --service {'x' * 64}")
    assert said.splitlines()[0].endswith("is no name of a service.")


@pytest.mark.parametrize("url", ["https://[", "http://", "ftp://x.example", "javascript:alert(1)", "//x.example", "x"])
async def test_only_addresses_can_be_linked(shared: Stage, url: str) -> None:
    incident = await shared.declares()
    accepted, said = await answered(shared, "ana", incident.channel, f"/incident link {url} label")
    assert not accepted
    assert f"{url} is no http(s) address." in said


async def test_secrets_of_the_gateway_are_masked_on_their_way_out(shared: Stage) -> None:
    before = shared.world.gateway.settings
    shared.world.gateway.settings = "admin:\n  token: hunter2-hunter2\nupstream: http://u:hunter2@x.example\n"
    said = await shared.asks("ana", "general", "/gw config")
    shared.world.gateway.settings = before
    assert "upstream: http://u:[redacted]@x.example" in said
    assert "hunter2" not in said


async def test_a_command_in_a_channel_that_does_not_exist_is_refused(shared: Stage) -> None:
    sent = TextDelivery(platform="console", id="1", person="ana", channel="no-such-channel", text="/gw status")
    assert not (await shared.world.app.pipeline.command(sent)).accepted
