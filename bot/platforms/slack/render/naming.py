"""How a workspace calls people, channels and pages. Nothing that a directory says can break out of a mention."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.platforms.slack.render.measure import ENCODED, clean, cut, size
from commands.cards import Rich, Text, Who

LONGEST_URL, LONGEST_NAME = 3000, 80
_ID = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
_HOST = re.compile(r"[^\s/?#@\[\]%&<>|^\"'`{}\\]+|\[[0-9A-Fa-f:.]+\]")
_ENCODED = {ord(mark): f"%{ord(mark):02X}" for mark in ENCODED}


@dataclass(frozen=True)
class Names:
    """How this workspace calls things."""

    user: Callable[[str], str | None]
    """A person's id to their Slack user id; None: not in this workspace, shown by name."""
    name: Callable[[str], str]
    """A person's id to their display name."""
    channel: Callable[[str], str | None]
    """A channel's name to its Slack id; None: shown as `#name`."""
    address: str = ""
    """Where the bot's own pages are; without it, links to them are plain text."""

    def user_id(self, person: str) -> str | None:
        """The user to mention, if it is a sound id."""
        return _sound(self.user(person))

    def channel_id(self, name: str) -> str | None:
        """The channel to link to, if it is a sound id."""
        return _sound(self.channel(name))

    def display(self, person: str) -> str:
        """A short name that is never empty."""
        return cut(clean(self.name(person)).strip() or clean(person).strip() or "somebody", LONGEST_NAME)

    def url(self, address: str) -> str | None:
        """The absolute http(s) address that Slack accepts, or None if there is none."""
        whole = self.address.rstrip("/") + address if _is_own(address) and self.address else address
        if not _is_safe(whole):
            return None
        encoded = whole.translate(_ENCODED)
        return encoded if size(encoded) <= LONGEST_URL else None

    def unmentioned(self, spans: Rich) -> Rich:
        """The same with people by name: a table or the small print must call nobody."""
        return tuple(Text(text=self.display(one.person)) if isinstance(one, Who) else one for one in spans)


def _sound(found: str | None) -> str | None:
    return found if found and _ID.fullmatch(found) else None


def _is_own(url: str) -> bool:
    return url.startswith("/") and not url.startswith("//")


def _is_safe(url: str) -> bool:
    """Slack refuses a whole message for one bad address, so doubtful ones are not linked."""
    if clean(url) != url or any(character.isspace() for character in url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and _HOST.match(parts.netloc.rpartition("@")[2]) is not None
