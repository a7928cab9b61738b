"""A process that rotates: `rotating.py DSN NEW_KEY OLD_KEY`. It says after each portion how far it is."""

import asyncio
import sys

from serai.data.connections import Connections
from serai.identity import rotation
from serai.identity.keyring import Keyring


async def main(dsn: str, keys: list[str]) -> None:
    rotation.PORTION = 20
    connections = Connections(dsn, budget=3)
    await connections.open()
    keyring = Keyring([key.encode() for key in keys])

    def say(*state: object) -> None:
        sys.stdout.write(f"{state}\n")
        sys.stdout.flush()

    await rotation.rotate(connections.database("serai"), keyring, say)
    await connections.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
