"""uvicorn's server, as one that ends without resetting a request."""

import asyncio
import contextlib
import signal
import socket
import sys

import uvicorn

from pollable.cli.listening import turn_away

DRAIN_S = 0.2
"""For those who have begun to connect: longer than a packet travels."""
LINGER_S = 2.0
"""For callers whose next request may be on its way, on a connection that they keep."""
_LOOK_S = 0.05


class WebServer(uvicorn.Server):
    """Closes no connection on which a request may be on its way, and ends with exit code 0.

    `parent` can be read from once the parent has ended, also by kill -9; so does this server then. None: there is none.
    """

    def __init__(self, config: uvicorn.Config, *, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent
        # Nobody else accepts from the same sockets.
        self._is_alone = parent is None

    def serve_until_told(self, sockets: list[socket.socket]) -> None:
        """Serve until SIGTERM or SIGINT."""
        # uvicorn raises the signal again once all is done.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt):
            self.run(sockets)
        if not self.started:
            sys.exit(1)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own; from then on the parent's end is seen."""
        await super().startup(sockets)
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._end_orphaned)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer who waits, accept who has begun to connect, answer with `Connection: close`; then uvicorn's own."""
        self.server_state.default_headers.append((b"connection", b"close"))
        # A server that waits for its answers would wait for streams for ever.
        self.config.loaded_app.answer_waiting()
        if self._is_alone:
            turn_away(sockets or [])
        await asyncio.sleep(DRAIN_S)
        for server in self.servers:
            server.close()
        await self._linger()
        await super().shutdown(sockets)

    async def _linger(self) -> None:
        for _ in range(int(LINGER_S / _LOOK_S)):
            if not self.server_state.connections or self.force_exit:
                return
            await asyncio.sleep(_LOOK_S)

    def _end_orphaned(self) -> None:
        assert self._parent is not None
        asyncio.get_running_loop().remove_reader(self._parent)
        self._is_alone = True
        self.should_exit = True
