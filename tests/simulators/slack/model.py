"""What a Slack workspace is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["member", "admin", "owner", "guest", "ultra_guest", "bot"]
Kind = Literal["public", "private", "im", "mpim"]

FAMILIES: dict[Kind, str] = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}


@dataclass
class User:
    """A person or a bot. `team` is where they are at home, which for a Slack Connect stranger is elsewhere."""

    id: str
    team: str
    name: str
    real_name: str
    email: str
    role: Role = "member"
    tz: str = "Europe/Berlin"
    tz_offset: int = 3600
    deleted: bool = False
    bot_id: str = ""

    @property
    def is_guest(self) -> bool:
        """Single- and multi-channel guests."""
        return self.role in {"guest", "ultra_guest"}


@dataclass
class Group:
    """A user group."""

    id: str
    team: str
    handle: str
    name: str
    users: list[str]
    disabled: bool = False


@dataclass
class File:
    """A file; `content` is None until its bytes came, and `shared` until it was completed."""

    id: str
    team: str
    user: str
    name: str
    length: int
    created: int
    title: str = ""
    alt_txt: str = ""
    url: str = ""
    content: bytes | None = None
    complete: bool = False
    channels: list[str] = field(default_factory=list)


@dataclass
class Message:
    """One message, ephemeral ones too. `blocks` are as they were sent."""

    channel: str
    ts: str
    user: str
    team: str
    text: str
    subtype: str = ""
    blocks: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    files: list[str] = field(default_factory=list)
    thread_ts: str = ""
    reply_broadcast: bool = False
    bot_id: str = ""
    app_id: str = ""
    username: str = ""
    icon_emoji: str = ""
    edited: dict[str, str] | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    unfurls: dict[str, Any] = field(default_factory=dict)
    ephemeral_to: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Lives in a thread."""
        return bool(self.thread_ts) and self.thread_ts != self.ts


@dataclass
class Note:
    """A topic or a purpose."""

    value: str = ""
    creator: str = ""
    last_set: int = 0


@dataclass
class Channel:
    """A conversation of any kind."""

    id: str
    team: str
    name: str
    kind: Kind
    creator: str
    created: int
    members: list[str] = field(default_factory=list)
    topic: Note = field(default_factory=Note)
    purpose: Note = field(default_factory=Note)
    archived: bool = False
    general: bool = False
    connected: list[str] = field(default_factory=list)
    previous_names: list[str] = field(default_factory=list)
    pins: list[dict[str, Any]] = field(default_factory=list)
    bookmarks: list[dict[str, Any]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    deleted: list[Message] = field(default_factory=list)

    @property
    def family(self) -> str:
        """The word that scopes and events use for its kind."""
        return FAMILIES[self.kind]

    def message(self, ts: str) -> Message | None:
        """A message that all can see."""
        return next((one for one in self.messages if one.ts == ts and not one.ephemeral_to), None)

    def replies(self, ts: str) -> list[Message]:
        """The messages of a thread, without its first."""
        return [one for one in self.messages if one.thread_ts == ts and one.ts != ts and not one.ephemeral_to]


@dataclass
class View:
    """A modal or a home tab. `content` is as it was sent, `errors` what a human reads below the inputs."""

    id: str
    team: str
    user: str
    content: dict[str, Any]
    hash: str
    root: str
    previous: str = ""
    open: bool = True
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def external_id(self) -> str:
        """The app's own name for it."""
        return str(self.content.get("external_id") or "")


@dataclass
class Token:
    """A token of any kind, with what it may do."""

    value: str
    kind: Literal["bot", "app"]
    team: str
    scopes: tuple[str, ...]
    revoked: bool = False
    expires: float | None = None
    refresh: str = ""


@dataclass
class Installation:
    """The app in one workspace."""

    team: str
    bot: User
    scopes: tuple[str, ...]
    tokens: list[Token] = field(default_factory=list)
    active: bool = True


@dataclass
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    stacks: dict[str, list[str]] = field(default_factory=dict)
    installation: Installation | None = None
    takes_files: bool = True


@dataclass
class Trigger:
    """What lets an app open a modal once, for a short time."""

    id: str
    team: str
    user: str
    born: float
    view: str = ""
    used: bool = False


@dataclass
class ResponseUrl:
    """What lets an app answer an interaction, some times for some while."""

    id: str
    team: str
    channel: str
    user: str
    born: float
    message: str = ""
    ephemeral: bool = False
    thread_ts: str = ""
    uses: int = 0
    answered: float = 0.0


@dataclass(frozen=True)
class Ping:
    """A message that really notified somebody, or would show as if it did."""

    channel: str
    ts: str
    kind: Literal["user", "group", "channel", "here", "everyone"]
    target: str
    by: str
    ephemeral: bool = False
    edited: bool = False


@dataclass
class ApiCall:
    """One Web API call as it came in, and what was answered."""

    method: str
    args: dict[str, Any]
    team: str
    at: float
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def ok(self) -> bool:
        """Slack said yes."""
        return bool(self.answer.get("ok"))
