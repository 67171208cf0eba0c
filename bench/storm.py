"""Puts alert messages into the store of a bot that runs: `python -m bench.storm URL COUNT CHANNEL...`.

They are messages as any: said once by their key, to be sent later than answers, each channel in its order.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import sqlalchemy as sa

from bot.store.database import make_engine
from bot.store.messages import SqlMessages
from commands.cards import Card, Tone, fact, rich, strong
from commands.ports import Urgency

_AT_ONCE = 50


def alert(number: int) -> Card:
    """What an alert looks like."""
    facts = (
        fact("Errors", strong(f"{number % 40 + 1}.4%"), " of 1,124 requests"),
        fact("p95", f"{200 + number % 700} ms"),
        fact("Workers", "2 of 3 ready"),
    )
    text = rich("The error rate is above its objective of 1% for the third time in a row.")
    return Card(title=f"gateway: alert {number}", tone=Tone.CRITICAL, facts=facts, paragraphs=(text,))


def put(engine: sa.Engine, channels: list[str], numbers: range) -> None:
    """Some of them, in one transaction."""
    with engine.begin() as connection:
        messages = SqlMessages(connection, datetime.now(UTC))
        for number in numbers:
            channel = channels[number % len(channels)]
            messages.post(channel, alert(number), key=f"storm:{number}", urgency=Urgency.LATER)


def main(url: str, count: int, channels: list[str]) -> None:
    """All of them."""
    engine = make_engine(url, busy_timeout=30)
    for first in range(0, count, _AT_ONCE):
        put(engine, channels, range(first, min(first + _AT_ONCE, count)))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
