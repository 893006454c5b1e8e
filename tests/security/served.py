"""A running `pollable serve` on a Redis of its own, and a caller that sends whatever bytes it likes."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import msgspec
import redis

from pollable.cli.embedded import Private
from pollable.worker.claims import Claim, Claims, Ending, Outcome
from tests.keyspace import put_into_project
from tests.rq.processes import web

PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"
JOBS = {"POLLABLE_JOBS": "tests.security.actions"}
"""Not imported here: their names are the examples', too."""
TYPES = ("anything", "generate_assessment", "document_processing", "audit_analysis")


class Answer(msgspec.Struct, frozen=True):
    """What came back; `headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The refusal's word, whichever envelope's it is; '' where there is none."""
        try:
            document = self.json
        except ValueError:
            return ""
        error = document.get("error") if isinstance(document, dict) else None
        return str(error.get("code", "") if isinstance(error, dict) else (document or {}).get("code", ""))


class Served:
    """The web process; workers' hands are played by the test."""

    def __init__(self, *, port: int, client: redis.Redis, log: Path) -> None:
        self.port, self.redis, self._log = port, client, log
        self._claims = Claims(client, lease_s=60, types=list(TYPES))
        self._standing = ""

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(
        self,
        method: str,
        target: str | bytes,
        *,
        token: str | bytes | None = None,
        headers: Iterable[tuple[str, str | bytes]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """One request, byte for byte as given, on a connection of its own."""
        lines = [b"%s %s HTTP/1.1" % (method.encode(), _bytes(target)), b"Host: localhost", b"Connection: close"]
        lines += [b"%s: %s" % (name.encode(), _bytes(value)) for name, value in headers]
        lines += [b"Authorization: Bearer " + _bytes(token)] if token is not None else []
        lines += [b"Content-Length: %d" % len(body)] if body is not None else []
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
            response = HTTPResponse(connection, method=method)
            response.begin()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=named, body=response.read())

    def post(self, path: str, document: object, *, token: str | None = None, **headers: str) -> Answer:
        """JSON, as a caller sends it."""
        named = [("content-type", "application/json"), *((k.replace("_", "-"), v) for k, v in headers.items())]
        return self.ask("POST", path, token=token, headers=named, body=json.dumps(document).encode())

    def submit(self, *, token: str, **members: Any) -> str:
        """The id of a new job, which is in a project too, so that each envelope shows it."""
        answer = self.post("/jobs", {"type": "anything", "payload": 1, **members}, token=token)
        assert answer.status == 202, answer.body
        put_into_project(self.redis, job_id := str(answer.json["id"]), PROJECT_ID)
        return job_id

    def job_of(self, token: str) -> str:
        """One that waits and that is whoever's token this is: the same for all attacks that are to leave it alone."""
        if not self._standing:
            self._standing = self.submit(token=token)
        return self._standing

    def succeed(self, job_id: str, result: bytes = b'{"done":true}') -> None:
        claim = self._claims.claim(job_id)
        assert isinstance(claim, Claim)
        self._claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=result))

    def state(self, job_id: str) -> str:
        state: Any = self.redis.hget(f"rq:pollable:job:{job_id}", "state")
        return str(state.decode())

    def waiting(self) -> int:
        """How many jobs wait in the queue that they all go to."""
        return int(self.redis.zcard("rq:pollable:pending:pollable"))


@contextmanager
def serving(program: Path, directory: Path, **settings: str) -> Iterator[Served]:
    with ExitStack() as stack:
        private = stack.enter_context(closing(Private(program)))
        client = stack.enter_context(redis.Redis.from_url(private.url))
        log = directory / "web.log"
        http = stack.enter_context(web(private.url, log, **JOBS, **settings))
        yield Served(port=http.base_url.port or 0, client=client, log=log)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
