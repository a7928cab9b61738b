"""A process that changes things and publishes it, in transactions that end in every way: `feed_writer.py DSN SEED`.

Things are rows of `public.thing`. One transaction in six is rolled back; after some of them it kills itself between
publishing and committing.
"""

import asyncio
import os
import random
import signal
import sys
from typing import Any, cast

import asyncpg
from msgspec import Struct

from serai.declarations import Topic
from serai.work.feed import Feed

TRANSACTIONS = 40
KEYS = "abcdefgh"


class Value(Struct, frozen=True, kw_only=True):
    """What a thing is now, and which transaction made it so."""

    value: int
    transaction: str


THINGS = Topic(name="test.thing", payload=Value)


async def change(connection: asyncpg.Connection, chance: random.Random, name: str) -> None:
    """Change or remove some things, in one order so that nobody waits in a circle, and publish each change."""
    for key in sorted(chance.sample(KEYS, chance.randint(1, 4))):
        value = Value(value=chance.randrange(1_000_000), transaction=name)
        await connection.execute("select pg_advisory_xact_lock(ascii($1))", key)
        if chance.random() < 0.2:
            await connection.execute("delete from public.thing where key = $1", key)
            await feed.publish(THINGS, key, None, connection=connection)
        else:
            await connection.execute(
                "insert into public.thing values ($1, $2) on conflict (key) do update set value = excluded.value",
                key,
                value.value,
            )
            await feed.publish_many(THINGS, [(key, value)], connection=connection)


async def main(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    dies_at = chance.randrange(TRANSACTIONS) if seed % 2 else None
    connection = await asyncpg.connect(dsn)
    for number in range(TRANSACTIONS):
        transaction = connection.transaction()
        await transaction.start()
        await change(connection, chance, f"{seed}.{number}")
        if number == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        await (transaction.rollback() if chance.random() < 1 / 6 else transaction.commit())
    await connection.close()


feed = Feed(cast(Any, None))

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
