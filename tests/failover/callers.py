"""Callers who go on submitting and polling, and note what they are answered."""

import itertools
import threading
import time
from collections import Counter

import httpx

RETRY_S = 0.1


class Callers:
    """Each submit is sent until it is accepted, with one idempotency key. Times are of the monotonic clock."""

    def __init__(self, url: str, *, threads: int = 4) -> None:
        self._url = url
        self._over = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.statuses: Counter[int] = Counter()
        self.accepted: list[tuple[str, float]] = []
        self.slowest_s = 0.0

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def accepted_since(self, moment: float) -> list[str]:
        """Ids whose submit was sent after that moment."""
        return [job_id for job_id, sent_at in list(self.accepted) if sent_at > moment]

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as http:
            while not self._over.is_set():
                self._submit(http, f"key-{next(self._numbers)}")
                if self.accepted:
                    self._ask(http, "GET", f"/jobs/{self.accepted[-1][0]}")

    def _submit(self, http: httpx.Client, key: str) -> None:
        while not self._over.is_set():
            sent_at = time.monotonic()
            answer = self._ask(http, "POST", "/jobs", {"type": "brief", "payload": 1}, {"Idempotency-Key": key})
            if answer.status_code == 202:
                self.accepted.append((str(answer.json()["id"]), sent_at))
                return
            time.sleep(RETRY_S)

    def _ask(
        self,
        http: httpx.Client,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        began = time.monotonic()
        answer = http.request(method, path, json=body, headers=headers)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.statuses[answer.status_code] += 1
        return answer
