"""What pages read of the record, at any size: unread counts, replies, and how much is looked at for them."""

from __future__ import annotations

import re

import sqlalchemy as sa

from bot.store import schema
from commands.cards import card
from tests.world import World


async def _post(
    world: World, key: str, channel: str, *, only_for: str | None = None, thread: str | None = None
) -> None:
    said = card(key)
    await world.app.store.transact(
        key, lambda tx: tx.messages.post(channel, said, key=key, only_for=only_for, thread=thread)
    )


async def test_unread_counts_are_those_of_each_reader(tocsin_on: World) -> None:
    record = tocsin_on.app.record
    for number in range(5):
        await _post(tocsin_on, f"m{number}", "general", only_for="ben" if number == 3 else None)
    await record.say("general", "ana", "hello", key="said", thread=None)
    second = (await record.message("m1", "ana")).id
    await record.mark_read("general", "ana", second)
    counted = {
        person: {one.name: (one.unread, one.last_message) for one in await record.channels(person)}
        for person in ("ana", "ben", "eve")
    }
    newest = (await record.message("said", "ana")).id
    assert [counted[person]["general"] for person in counted] == [(2, newest), (6, newest), (5, newest)]
    assert [counted[person]["incidents"] for person in counted] == [(0, 0)] * 3


async def test_replies_are_counted_as_their_reader_sees_them(tocsin_on: World) -> None:
    record = tocsin_on.app.record
    await _post(tocsin_on, "root", "general")
    for number in range(3):
        await _post(tocsin_on, f"r{number}", "general", thread="root", only_for="ben" if number else None)
    for person, replies in (("ana", 1), ("ben", 3)):
        assert await record.replies("general", person, "root") == replies
        assert (await record.message("root", person)).replies == replies


async def test_the_list_of_channels_walks_no_whole_table(tocsin: World) -> None:
    """It is read for each open page after each commit."""
    plans: list[str] = []
    engine = tocsin.app.store.database.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(connection: sa.Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        # The outbox looks at messages at the same time, in its own way.
        if {schema.messages.name, schema.reads.name} <= set(
            re.findall(r"tocsin_\w+", statement)
        ) and statement.startswith("SELECT"):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plans.extend(row[3] for row in rows)

    await tocsin.app.record.channels("ana")
    sa.event.remove(engine, "before_cursor_execute", note)
    assert any("SEARCH tocsin_messages" in plan for plan in plans)
    assert not [plan for plan in plans if plan.startswith("SCAN tocsin_messages")]
