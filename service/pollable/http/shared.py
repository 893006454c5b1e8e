"""One answer for all who ask for the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Who asks for what is being made waits for it; the first to ask makes it."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[T | None]]] = {}

    async def get(self, what: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, or raises what it raises. Who makes it and goes away leaves it to the next."""
        while (waiting := self._waiting.get(what)) is not None:
            place: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
            waiting.append(place)
            if (made := await place) is not None:
                return made
        waiting = self._waiting[what] = []
        made = failed = None
        try:
            made = await make()
            return made
        except Exception as error:
            failed = error
            raise
        finally:
            del self._waiting[what]
            for place in waiting:
                if not place.done():
                    place.set_exception(failed) if failed else place.set_result(made)
