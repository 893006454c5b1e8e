"""What is done for a caller ends when the caller leaves."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")


async def while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What the work makes. Raises `ClientDisconnect` once the caller is gone, for whom nothing is done any more."""
    doing, leaving = asyncio.current_task(), asyncio.ensure_future(_left(receive))
    assert doing is not None
    leaving.add_done_callback(end := lambda _: doing.cancel())
    try:
        return await work
    finally:
        leaving.remove_done_callback(end)
        if not leaving.cancel():
            doing.uncancel()
            raise ClientDisconnect


async def _left(receive: Receive) -> None:
    # A body that nobody wants may come first.
    while (await receive())["type"] != "http.disconnect":
        pass
