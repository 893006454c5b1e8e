"""Those who submit while another polls: `python -m bench.writers PORT WRITERS PAUSE_S`. Ends when it is ended.

Each has a connection that is kept, waits for its answer, rests, and submits the next job.
"""

import asyncio
import sys

from bench.service import bearer

BODY = b'{"type":"repeat","payload":{"size":20}}'


def request() -> bytes:
    """The submit, as it goes over the wire."""
    head = "POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    lines = [f"{name}: {value}" for name, value in bearer().items()] + [f"Content-Length: {len(BODY)}"]
    return (head + "\r\n".join(lines) + "\r\n\r\n").encode() + BODY


async def writer(port: int, sent: bytes, pause_s: float) -> None:
    """One of them. An answer that is no 202 ends all."""
    reader, outgoing = await asyncio.open_connection("127.0.0.1", port)
    while True:
        outgoing.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 202 " not in head[:16]:
            sys.exit(f"a submit was answered with {head[:80]!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        await asyncio.sleep(pause_s)


async def writers(port: int, many: int, pause_s: float) -> None:
    """All of them."""
    sent = request()
    async with asyncio.TaskGroup() as group:
        for number in range(many):
            group.create_task(writer(port, sent, pause_s))
            await asyncio.sleep(pause_s / many if number else 0)


if __name__ == "__main__":
    asyncio.run(writers(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
