"""What a chat page reads from the record. Times are aware, in UTC."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.cards import Card


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChannelView(_View):
    """A channel as one reader sees it. `incident` is the incident's id where it is an incident's channel.

    `label` is what people call it, and `home` the platform where it is, where that is not the console.
    """

    name: str
    label: str
    home: str = ""
    topic: str
    private: bool
    unread: int
    incident: str | None
    last_message: int


class MessageView(_View):
    """A message: `card` when the bot speaks, `text` when a person does; never both.

    `id` orders a channel; `change` grows with every post and edit over all channels (the cursor of live
    updates); `thread` is the key of the message that this one replies to; `only_for` the one person who
    sees it.
    """

    id: int
    key: str
    channel: str
    author: str
    at: AwareDatetime
    edited_at: AwareDatetime | None
    card: Card | None
    text: str
    only_for: str | None
    thread: str | None
    pinned: bool
    change: int
    replies: int = 0
