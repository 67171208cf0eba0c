"""Charts in Slack: within the message where that can be, else in its thread, and in words in any case."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot import charts
from commands.charts import Chart, Panel
from commands.domain.sli import Reading
from tests.fakes import START
from tests.simulators.slack.model import Message
from tests.slack.stage import SlackWorld, slack_world

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.xdist_group("charts"),  # the library is loaded once
]

UPLOAD = ["files.getUploadURLExternal", "files.completeUploadExternal"]
WORDS = (
    "Errors and p95 of gateway, 11:30 to 12:00 UTC. Error rate: last 31%, between 0.2% and 31%, highest at 11:50; "
    "above the objective of 5% from 11:50 to the end. p95: always 40 ms; never above the objective of 500 ms."
)


@pytest.fixture(scope="module", autouse=True)
def drawn_before() -> None:
    """The library takes its time with the first chart, and no message waits for it here."""
    panel = Panel(title="nothing", unit="", series=())
    charts.png(Chart(title="the first", since=START, until=START + timedelta(minutes=1), panels=(panel,)))


async def measured(stage: SlackWorld) -> None:
    """Twenty minutes in the record, the last ten of them bad."""
    well, now = stage.world.gateway.reading_now, stage.world.clock.now()

    def reading(minute: int) -> Reading:
        bad = {"error_rate": 0.31, "errors": 310} if minute <= 10 else {}
        return well.model_copy(update=bad | {"at": now - timedelta(minutes=minute)})

    stage.platform.chat.pictures.patience = 300  # however slow this machine is
    await stage.world.app.store.transact(
        "kept", lambda tx: [tx.samples.add("gateway", reading(minute)) for minute in range(20, 0, -1)]
    )


def calls(stage: SlackWorld) -> list[str]:
    """The steps of uploads that Slack was asked for."""
    return [call.method for call in stage.slack.calls if call.method in UPLOAD]


async def test_a_chart_is_a_picture_in_the_message_as_soon_as_slack_has_looked_at_it(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await measured(stage)
        stage.slack.faults.looking(times=2)
        await stage.slash("ana", "/gw metrics")
        message = stage.slack.messages("general")[-1]
        assert f"    <image: {WORDS}>\n" in stage.slack.transcript("general")
        assert WORDS in message.text, "who reads a notification or listens to it"
        file = next(iter(stage.slack.team.files.values()))
        assert file.content is not None
        assert file.content.startswith(b"\x89PNG")
        assert (file.title, file.alt_txt) == ("Errors and p95 of gateway", WORDS)
        assert calls(stage) == UPLOAD
        assert (message.thread_ts, message.files) == ("", [])
        await _a_mitigation_is_drawn_in_its_thread(stage)


async def _a_mitigation_is_drawn_in_its_thread(stage: SlackWorld) -> None:
    """Its message was there before the chart."""
    await stage.slash("ana", "/gw scale 5")
    await stage.click("ana", "general", "Confirm")
    await stage.world.settled()
    await stage.settled()
    assert "12:00: scale 3 → 5." in stage.slack.transcript("general")
    assert stage.slack.transcript("general").count("<file: Errors and p95 of gateway") == 1


async def test_a_picture_that_does_not_come_up_follows_in_the_thread_once(sqlite_url: str) -> None:
    """Answers are lost at each step: as often as it takes to give up, and again when the file has been shared."""
    async with slack_world(sqlite_url) as stage:
        await measured(stage)
        faults = stage.slack.faults
        for step, times in ((UPLOAD[0], 4), ("upload", 1), (UPLOAD[1], 1)):
            before = len(stage.slack.messages("general"))
            faults.lose_answer(step, times=times)
            shared = faults.lose_answer(UPLOAD[1]) if step != UPLOAD[1] else None
            await stage.slash("ana", "/gw metrics")
            said, threaded = stage.slack.messages("general")[before:]
            assert (said.files, threaded.thread_ts) == ([], said.ts)
            assert shared is None or shared.seen == 1
            file = stage.slack.team.files[threaded.files[0]]
            assert f"<file: {file.title} ({file.length} bytes) - {WORDS}>" in _read(stage, threaded)
            assert WORDS in _read(stage, said)
        stage.slack.team.takes_files = False
        await stage.slash("ana", "/gw metrics")
        assert len(stage.slack.messages("general")) == 7, "nobody is interrupted with that"
        assert WORDS in _read(stage, stage.slack.messages("general")[-1])


def _read(stage: SlackWorld, message: Message) -> str:
    channel = stage.slack.core.state.channel("general")
    return "\n".join(stage.slack.core.transcripts.message(channel, message))
