"""Pictures in messages: image blocks that show a file which was uploaded to Slack.

What Slack does here is known from its reference and from what its users found:
- the file has to be a picture that whoever posts it may see, and is refused until Slack has looked at it, which takes
  some moments after the upload (`faults.looking`);
- posting such a block lets everybody in the channel see the file; changing a message into one does not, and people
  read "file not found" where the picture should be (java-slack-sdk #1441).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, File
from tests.simulators.slack.web.call import Call

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif")
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")


def check(call: Call, blocks: list[dict[str, Any]] | None, channel: Channel) -> list[File]:
    """The files that some blocks show, which Slack takes. Raises Refused."""
    return [_taken(call, at, one, channel) for at, one in shown_in(blocks)]


def share(files: list[File], channel: Channel) -> None:
    """They were posted: whoever reads the channel sees them."""
    for file in files:
        if channel.id not in file.channels:
            file.channels.append(channel.id)


def shown_in(blocks: Any, at: str = "/blocks") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file that is shown, and where."""
    if isinstance(blocks, list):
        for index, one in enumerate(blocks):
            yield from shown_in(one, f"{at}/{index}")
    elif isinstance(blocks, dict):
        if isinstance(blocks.get("slack_file"), dict):
            yield f"{at}/slack_file", blocks["slack_file"]
        for name in ("elements", "accessory"):
            yield from shown_in(blocks.get(name), f"{at}/{name}")


def _taken(call: Call, at: str, asked: dict[str, Any], channel: Channel) -> File:
    wrong = [f"[ERROR] invalid slack file [json-pointer:{at}]"]
    file = call.team.files.get(str(asked.get("id"))) or next(
        (one for one in call.team.files.values() if one.url == asked.get("url")), None
    )
    problem = _problem(call, file)
    if file is None or problem:
        call.core.violation(f"{call.method}: {problem}")
        raise Refused("invalid_blocks", wrong)
    if call.core.faults.unready():
        raise Refused("invalid_blocks", wrong)
    if call.method != "chat.postMessage" and channel.id not in file.channels:
        call.core.violation(f"{call.method}: nobody in {channel.name or channel.id} may see the file {file.id}")
    return file


def _problem(call: Call, file: File | None) -> str:
    if file is None or not file.complete or file.content is None:
        return "a picture that was never uploaded"
    if not file.name.lower().endswith(SUFFIXES) or not file.content.startswith(BEGINNINGS):
        return f"{file.name} is no picture that Slack can show"
    if file.user != call.bot.id and not file.channels:
        return f"{file.name} is private to somebody else"
    return ""
