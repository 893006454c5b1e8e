"""The servers that a test of words and refusals is run on: Redis and Valkey word the same things differently."""

from pathlib import Path

from pollable.cli.embedded import carried, find_server


def programs() -> dict[str, Path]:
    """The server that the project finds, and those of the wheels beside it: Redis 6.2, and the newest Valkey."""
    found = find_server()
    usual = {"found": found} if found else {}
    others = {name: program for name, program in carried().items() if not found or program != found.resolve()}
    return {**usual, **others}
