"""A wire that takes time: a proxy before Redis that holds back every byte. `python -m bench.delay FROM TO DELAY_MS`.

In place of `tc netem`, which not every kernel has. Half of the delay falls on the way there, half on the way back; how
much is on its way at once is not bounded.
"""

import asyncio
import sys
from contextlib import suppress

import uvloop

CHUNK = 1 << 16


async def carry(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter, delay_s: float) -> None:
    """Each piece so much later than it came; the end of the stream too."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while piece := await incoming.read(CHUNK):
            loop.call_later(delay_s, outgoing.write, piece)
    loop.call_later(delay_s, outgoing.close)


async def served(place: str, upstream: str, delay_s: float) -> None:
    """Until it is ended."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(upstream)
        await asyncio.gather(carry(reader, back, delay_s / 2), carry(there, writer, delay_s / 2))

    server = await asyncio.start_unix_server(connected, place)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(served(sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000))
