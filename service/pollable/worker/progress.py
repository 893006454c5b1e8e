"""The reports of one running attempt, on their way to its record."""

import threading
from collections.abc import Callable

from rq.timeouts import BaseTimeoutException

from pollable.worker.claims import Progress

MESSAGE_LENGTH = 500
INTERVAL_S = 0.25


class Reporter:
    """Sends the newest progress of one attempt, from a thread of its own and at most four times a second.

    The job never waits for Redis, and the last report before a long silence is sent too.
    """

    def __init__(self, send: Callable[[Progress], object]) -> None:
        self._send = send
        self._newest: Progress | None = None
        self._sent: Progress | None = None
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def report(self, percent: object, message: object) -> None:
        """Take whatever a job gives; what is no number leaves the percentage as it was."""
        number, text = _percent(percent), _text(message)
        with self._lock:
            if number is None:
                number = self._newest.percent if self._newest else 0
            self._newest = Progress(number, text)
            if self._thread.ident is None:
                self._thread.start()
        self._news.set()

    def close(self, *, has_failed: bool = False) -> None:
        """Stop sending. What is unsent tells where a job failed; after a success it is out of date."""
        self._over.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=1)
        if has_failed and self._newest is not None and self._newest is not self._sent:
            self._send(self._newest)

    def _run(self) -> None:
        while not self._over.is_set():
            self._news.wait()
            self._news.clear()
            newest = self._newest
            if newest is not None and not self._over.is_set():
                self._send(newest)
                self._sent = newest
            self._over.wait(INTERVAL_S)


def _percent(given: object) -> int | None:
    try:
        return int(min(max(float(given), 0.0), 100.0))  # type: ignore[arg-type] # what is no number raises, below
    except BaseTimeoutException:
        # RQ's timeout may come just here, and is no matter of the value.
        raise
    except Exception:
        return None


def _text(given: object) -> str:
    try:
        text = given if isinstance(given, str) else "" if given is None else str(given)
        # A lone surrogate is no UTF-8 and could not be stored.
        return text[:MESSAGE_LENGTH].encode(errors="replace").decode()
    except BaseTimeoutException:
        raise
    except Exception:
        return ""
