"""Waits and streams of real clients, behind nginx as docs/deploying.md has it; and when the service is told to end."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from pollable.cli.embedded import Private
from tests.system.running import Running, environment, until
from tests.system.test_nginx import NGINX, in_front
from tests.system.web import Webs, port_of, webs

__all__ = ["webs"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waiting")


@pytest.fixture(scope="module")
def nginx(emptied_redis: Private, directory: Path) -> Iterator[Running]:
    if NGINX is None:
        pytest.skip("There is no nginx.")
    with ExitStack() as stack:
        webs = Webs(emptied_redis.url, directory, stack)
        yield stack.enter_context(in_front([webs.start() for _ in range(2)], directory))


def submitted(web: Running) -> str:
    """A job that nobody runs."""
    answer = httpx2.post(f"{web.url}/jobs", json={"type": "nap", "payload": 1})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def cancel(web: Running, job_id: str) -> None:
    assert httpx2.post(f"{web.url}/jobs/{job_id}/cancel").status_code == 200


@contextmanager
def after(seconds: float, web: Running, job_id: str) -> Iterator[None]:
    """Meanwhile the job is cancelled."""
    timer = threading.Timer(seconds, cancel, (web, job_id))
    timer.start()
    yield
    timer.join()


def test_httpx2_waits(nginx: Running) -> None:
    job_id = submitted(nginx)
    began = time.monotonic()
    with after(0.5, nginx, job_id):
        answer = httpx2.get(f"{nginx.url}/jobs/{job_id}", headers={"prefer": "wait=20"}, timeout=25)
    assert (answer.json()["status"], answer.headers["preference-applied"]) == ("cancelled", "wait=20")
    assert 0.4 < time.monotonic() - began < 5


def test_curl_hears_each_event_as_it_comes(nginx: Running) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("There is no curl.")
    job_id = submitted(nginx)
    with subprocess.Popen([curl, "-sN", f"{nginx.url}/jobs/{job_id}/events"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"")
        assert json.loads(next(line for line in lines if line.startswith(b"data:"))[5:])["status"] == "queued"
        cancel(nginx, job_id)
        assert json.loads(next(line for line in lines if line.startswith(b"data:"))[5:])["status"] == "cancelled"
        assert b"event: end\n" in list(lines)
        assert process.wait(5) == 0


FETCH = """
const url = process.argv[1], id = process.argv[2];
const heard = await fetch(`${url}/jobs/${id}/events`), reader = heard.body.getReader(), told = [];
for (let text = ""; ; ) {
  const { done, value } = await reader.read();
  if (done) break;
  text += new TextDecoder().decode(value);
  const seen = [...text.matchAll(/"status":"(\\w+)"/g)].map((found) => found[1]);
  if (seen.length === 1 && !told.length) await fetch(`${url}/jobs/${id}/cancel`, { method: "POST" });
  told.splice(0, told.length, ...seen);
}
const held = await fetch(`${url}/jobs/${id}`, { headers: { prefer: "wait=20" } });
console.log(JSON.stringify([told, held.headers.get("preference-applied"), (await held.json()).status]));
"""


def test_fetch_of_node_hears_and_waits(nginx: Running) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node.")
    command = [node, "--input-type=module", "-e", FETCH, nginx.url, submitted(nginx)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [["queued", "cancelled"], "wait=20", "cancelled"]


def test_an_event_source_hears_all_and_stops_at_the_end(nginx: Running, directory: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("A browser is needed: Debian's chromium.")
    job_id = submitted(nginx)
    log = directory / "nginx" / "said.log"

    def said() -> list[str]:
        return [line.split("/said?")[1].split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}"]
    command = [browser, *options, "--remote-debugging-port=0", f"{nginx.url}/page?{job_id}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment(no_proxy="*")) as shown:
        try:
            until(lambda: said() == ["queued"], within_s=40)
            cancel(nginx, job_id)
            # It asks again, with the id of the last event, and is told that there is no more.
            until(lambda: "closed" in said(), within_s=30)
        finally:
            shown.terminate()
    assert sorted(said()) == ["again", "cancelled", "closed", "end", "queued"]


@pytest.mark.parametrize("processes", [1, 2])
def test_all_are_answered_within_a_second_of_the_signal(webs: Webs, processes: int) -> None:
    web = webs.start(processes)
    job_id = submitted(web)
    paths = [f"/jobs/{job_id}", f"/jobs/{job_id}/events", "/jobs/events"] * 4
    with ExitStack() as stack:
        clients = [stack.enter_context(Caller(web, path)) for path in paths]
        streams = [client for client in clients if client.is_stream]
        for client in streams:
            client.hear(b"retry:")
        # A wait says nothing until it is over: with a poll that came later it has begun.
        assert httpx2.get(f"{web.url}/jobs/{job_id}").status_code == 200
        time.sleep(0.2)
        began = time.monotonic()
        web.process.terminate()
        for client in clients:
            client.hear(b"0\r\n\r\n" if client.is_stream else b'"status":"queued"')
        assert time.monotonic() - began < 1
    assert web.process.wait(20) == 0


class Caller:
    """One connection, with one request."""

    def __init__(self, web: Running, path: str) -> None:
        self.is_stream = path.endswith("events")
        self._socket = socket.create_connection(("127.0.0.1", port_of(web)), timeout=10)
        self._heard = b""
        prefer = "" if self.is_stream else "Prefer: wait=25\r\n"
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{prefer}\r\n".encode())

    def hear(self, what: bytes) -> None:
        while what not in self._heard:
            more = self._socket.recv(65_536)
            assert more, self._heard
            self._heard += more

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
