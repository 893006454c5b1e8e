"""What a job function says while it runs: how far it is, and with what code it fails."""

import re
import threading
from collections.abc import Callable
from contextvars import ContextVar

import msgspec

MESSAGE_LENGTH = 500
INTERVAL_S = 0.25
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class JobError(Exception):
    """Fails the job with a code that callers can branch on and a message that they may read.

    `code` is 1 to 64 lower-case letters, digits and underscores. Raises ValueError for another.
    """

    def __init__(self, code: str, message: str) -> None:
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code!r} is no error code: 1 to 64 of a-z, 0-9 and _, beginning with a letter")
        super().__init__(message)
        self.code = code
        self.message = message


class Reporter:
    """Sends the newest progress of one attempt, from a thread of its own and at most four times a second.

    The job never waits for Redis, and the last report before a long silence is sent too.
    """

    def __init__(self, send: Callable[[int, str], object]) -> None:
        self._send = send
        self._newest: tuple[int, str] | None = None
        self._news = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def report(self, percent: int, message: str) -> None:
        self._newest = (percent, message)
        self._news.set()
        if self._thread.ident is None:
            self._thread.start()

    def close(self) -> None:
        """Stop sending; whatever is unsent is out of date by now."""
        self._over.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._over.is_set():
            self._news.wait()
            self._news.clear()
            newest = self._newest
            if newest is not None and not self._over.is_set():
                self._send(*newest)
            self._over.wait(INTERVAL_S)


class Running(msgspec.Struct, frozen=True):
    """The attempt that this context runs."""

    reporter: Reporter
    context: dict[str, str]


current: ContextVar[Running | None] = ContextVar("pollable_running", default=None)


def report_progress(percent: float, message: str = "") -> None:
    """Say how far the running job is: 0 to 100, and a word on what it does now (at most 500 characters are kept).

    Outside a worker this does nothing, so that a job function can be called and tested as it is.
    """
    running = current.get()
    if running is not None:
        # A lone surrogate is no UTF-8 and could not be stored.
        sendable = message[:MESSAGE_LENGTH].encode(errors="replace").decode()
        running.reporter.report(min(max(int(percent), 0), 100), sendable)


def job_context() -> dict[str, str]:
    """The path parameters of the route by which the running job was submitted; empty outside a worker."""
    running = current.get()
    return dict(running.context) if running is not None else {}
