"""The caller's side: HTTP as clients speak it, every answer noted. I4: no 5xx but a 503 that says when to come back."""

import http.client
import select
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

PATIENCE_S = 10.0
"""For one answer; the service promises 1.5 s."""
MOST_READ = 100


class Answer(msgspec.Struct, frozen=True):
    """One answer and the seconds that it took. Status 0: none came, `error` says why."""

    status: int
    body: bytes
    took_s: float
    retry_after_s: float | None = None
    error: str = ""

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Traffic:
    """What all callers together have seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.lost: list[tuple[float, str]] = []
        """What got no answer, and when (seconds since the epoch)."""
        self.seconds: list[tuple[float, int, float]] = []

    def note(self, request: str, answer: Answer) -> None:
        with self._lock:
            self.statuses[answer.status] += 1
            self.seconds.append((time.time(), answer.status, answer.took_s))
            if answer.status == 0:
                why = f"{request}: {answer.error} after {answer.took_s:.2f} s"
                self.lost.append((time.time() - answer.took_s, why))
            elif answer.status >= 500 and (answer.status != 503 or answer.retry_after_s is None):
                self.wrong.append(f"{request}: {answer.status} {answer.body[:200]!r}")

    def between(self, begin: float, end: float) -> list[tuple[int, float]]:
        """Status and seconds of what was answered then (seconds since the epoch)."""
        with self._lock:
            return [(status, took_s) for at, status, took_s in self.seconds if begin <= at <= end]


class Caller:
    """Where the service is may change (`address`): whoever asks next goes there."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.traffic = Traffic()
        self._own = threading.local()
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request, on this thread's connection; never repeated, never raising."""
        content = None if body is None else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json"} if content is not None else {}
        began_at = time.monotonic()
        try:
            connection = self._connection()
            connection.request(method, path, content, {**sent, **(headers or {})})
            response = connection.getresponse()
            text, wait = response.read(), response.getheader("Retry-After")
            took_s = time.monotonic() - began_at
            answer = Answer(response.status, text, took_s, float(wait) if wait else None)
            if response.will_close:
                self._forget()
        except (OSError, http.client.HTTPException) as error:
            self._forget()
            answer = Answer(0, b"", time.monotonic() - began_at, error=repr(error))
        self.traffic.note(f"{method} {path[:80]}", answer)
        return answer

    def submit(self, job_type: str, payload: Mapping[str, Any] | None = None, **members: Any) -> Answer:
        """One try; a 2xx promises that the job ends."""
        key = members.pop("key", None)
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        return self.ask("POST", "/jobs", {"type": job_type, "payload": payload or {}, **members}, headers)

    def get(self, job_id: str) -> Answer:
        return self.ask("GET", f"/jobs/{job_id}")

    def cancel(self, job_id: str) -> Answer:
        return self.ask("POST", f"/jobs/{job_id}/cancel")

    def read_many(self, ids: Sequence[str]) -> list[bytes | None] | None:
        """The bytes of each job as `GET /jobs/{id}` shows it, None for what is not there; None without an answer."""
        answer = self.ask("GET", "/jobs?" + "&".join(f"id={each}" for each in ids))
        if answer.status != 200:
            return None
        found = msgspec.json.decode(answer.body, type=dict[str, list[msgspec.Raw]])["jobs"]
        return [None if bytes(raw) == b"null" else bytes(raw) for raw in found]

    def _connection(self) -> http.client.HTTPConnection:
        kept: tuple[tuple[str, int], http.client.HTTPConnection] | None = getattr(self._own, "kept", None)
        if kept is not None and kept[0] == self.address and not _is_dropped(kept[1]):
            return kept[1]
        self._forget()
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_S)
        self._own.kept = (self.address, connection)
        with self._lock:
            self._open.add(connection)
        return connection

    def close(self) -> None:
        """Close what every thread has left open; no thread asks any more."""
        with self._lock:
            for connection in self._open:
                connection.close()

    def _forget(self) -> None:
        kept = getattr(self._own, "kept", None)
        if kept is not None:
            kept[1].close()
            with self._lock:
                self._open.discard(kept[1])
        self._own.kept = None


def _is_dropped(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it meanwhile; every HTTP library looks before it sends."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])
