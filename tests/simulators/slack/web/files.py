"""Files, in the three steps of the upload that Slack has now."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack import outlook
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import File
from tests.simulators.slack.web.call import Answer, Call, method
from tests.simulators.slack.web.content import blocks_of, with_ids


@method("files.getUploadURLExternal", "missing_argument", "alt_txt_too_large", "file_uploads_disabled")
def get_upload_url(call: Call) -> Answer:
    """An address for the bytes of one file."""
    length = call.args.get("length")
    if not isinstance(length, int) or length <= 0 or not call.text("filename"):
        raise Refused("missing_argument")
    if len(call.text("alt_txt")) > 1000:
        raise Refused("alt_txt_too_large")
    if not call.team.takes_files:
        raise Refused("file_uploads_disabled")
    file = File(
        id=call.core.state.id("F"),
        team=call.team.id,
        user=call.bot.id,
        name=call.text("filename"),
        length=length,
        created=int(call.core.state.now),
        alt_txt=call.text("alt_txt"),
    )
    file.url = f"{call.core.base_url}/files-pri/{file.team}-{file.id}/{file.name}"
    call.team.files[file.id] = file
    return {"file_id": file.id, "upload_url": f"{call.core.base_url}/upload/v1/{file.team}/{file.id}"}


@method(
    "files.completeUploadExternal",
    "file_not_found",
    "channel_not_found",
    "not_in_channel",
    "invalid_blocks",
    "invalid_arguments",
)
def complete_upload(call: Call) -> Answer:
    """The files are there, and are shared."""
    files = [_uploaded(call, one) for one in call.args["files"]]
    place = call.text("channel_id") or call.text("channels")
    if place:
        _share(call, files, place)
    for file in files:
        file.complete = True
    return {"files": [outlook.file(file) for file in files]}


def _uploaded(call: Call, asked: dict[str, Any]) -> File:
    file = call.team.files.get(str(asked.get("id"))) if isinstance(asked, dict) else None
    if file is None or file.complete or file.content is None:
        raise Refused("file_not_found")
    file.title = str(asked.get("title") or file.name)
    return file


def _share(call: Call, files: list[File], place: str) -> None:
    channel = call.find_channel(place)
    if channel is None or not call.sees(channel):
        raise Refused("channel_not_found")
    if call.bot.id not in channel.members or channel.archived:
        raise Refused("not_in_channel")
    parent = channel.message(call.text("thread_ts"))
    if parent is not None and parent.is_reply:
        raise Refused("invalid_arguments")  # Slack says never to do it, and not where the file would be then
    blocks = blocks_of(call, "invalid_blocks")
    for file in files:
        file.channels.append(channel.id)
    call.core.happen.post(
        channel,
        call.core.happen.message(
            channel,
            call.bot,
            call.text("initial_comment"),
            files=[file.id for file in files],
            thread_ts=call.text("thread_ts"),
            bot_id=call.bot.bot_id,
            app_id=call.core.app_id,
            blocks=with_ids(blocks, call.core.state.id) if blocks else None,
        ),
    )
    for file in files:
        call.core.happen.file_shared(channel, call.bot, file)


@method("files.info", "file_not_found")
def info(call: Call) -> Answer:
    """One file."""
    file = call.team.files.get(call.text("file"))
    if file is None or not file.complete:
        raise Refused("file_not_found")
    return {"file": outlook.file(file), "comments": [], "response_metadata": {"next_cursor": ""}}
