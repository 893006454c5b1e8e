"""Large answers in gzip as clients get them: from the service itself, and through nginx as docs/deploying.md has it."""

import asyncio
import gzip
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pollable.cli.embedded import Private
from pollable.client import AsyncClient, Client
from tests.system.running import Running, environment
from tests.system.test_nginx import NGINX, in_front
from tests.system.web import Webs

MANY = 40
PATH = "/jobs?limit=50"
IN_JAVASCRIPT = """
import { Client } from "./client.mjs";
const client = new Client(process.argv.at(-1)), ids = [];
for await (const job of client.jobs()) ids.push(job.id);
console.log(JSON.stringify([ids, client.lastHeaders.get("content-encoding"), client.lastHeaders.get("etag")]));
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gzip")


@pytest.fixture(scope="module")
def two(emptied_redis: Private, directory: Path) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        webs = Webs(emptied_redis.url, directory, stack)
        yield [webs.start() for _ in range(2)]


@pytest.fixture(scope="module", params=["service", "nginx"])
def web(request: pytest.FixtureRequest, two: list[Running], directory: Path) -> Iterator[Running]:
    if request.param == "service":
        yield two[0]
        return
    if NGINX is None:
        pytest.skip("There is no nginx.")
    with in_front(two, directory) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def ids(two: list[Running]) -> list[str]:
    """Jobs that nobody runs, the newest first: their list is one large page."""
    with Client(two[0].url) as client:
        return [client.submit("nap", 1).id for _ in range(MANY)][::-1]


class Curl:
    """What curl gets."""

    def __init__(self, web: Running, place: Path) -> None:
        self._url, self._place = web.url + PATH, place

    def get(self, *options: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        files = ["--output", str(self._place / "body"), "--dump-header", str(self._place / "head")]
        command = ["curl", "--disable", "--noproxy", "*", "--silent", "--show-error", *files, *options, self._url]
        self._place.joinpath("body").unlink(missing_ok=True)
        subprocess.run(command, check=True, timeout=60)
        first, *lines = self._place.joinpath("head").read_text().strip().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = self._place / "body"
        return int(first.split()[1]), headers, body.read_bytes() if body.exists() else b""


@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl.")
def test_curl_gets_what_it_asks_for(web: Running, ids: list[str], tmp_path: Path) -> None:
    curl = Curl(web, tmp_path)
    _, plain, body = curl.get()
    _, packed, raw = curl.get("--header", "Accept-Encoding: gzip")
    _, _, unpacked = curl.get("--compressed")
    assert [job["id"] for job in json.loads(body)["jobs"]] == ids
    assert body == unpacked == gzip.decompress(raw)
    assert [each.get("content-encoding") for each in (plain, packed)] == [None, "gzip"]
    assert [int(each["content-length"]) for each in (plain, packed)] == [len(body), len(raw)]
    assert packed["etag"] == plain["etag"][:-1] + '-gzip"'
    for told in (plain, packed):
        assert "accept-encoding" in told["vary"]
        status, known, nothing = curl.get("--compressed", "--header", f"If-None-Match: {told['etag']}")
        assert (status, known["etag"], nothing) == (304, told["etag"], b"")
    status, head, nothing = curl.get("--head", "--header", "Accept-Encoding: gzip")
    fields = ("content-encoding", "content-length", "content-type", "etag", "vary")
    assert [head[field] for field in fields] == [packed[field] for field in fields]


def test_the_blocking_client_unpacks(web: Running, ids: list[str]) -> None:
    with Client(web.url) as client:
        assert [job.id for job in client.jobs()] == ids
        assert client.last_headers["content-encoding"] == "gzip"


def test_the_awaited_client_unpacks(web: Running, ids: list[str]) -> None:
    async def listed() -> list[str]:
        async with AsyncClient(web.url) as client:
            found = [job.id async for job in client.jobs()]
            assert client.last_headers["content-encoding"] == "gzip"
            return found

    assert asyncio.run(listed()) == ids


def test_the_client_in_javascript_unpacks(web: Running, ids: list[str], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("The client in JavaScript needs node.")
    tmp_path.joinpath("client.mjs").write_bytes(httpx.get(f"{web.url}/client.js", trust_env=False).content)
    command = [node, "--input-type=module", "-e", IN_JAVASCRIPT, web.url]
    ran = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0, ran.stderr
    found, coding, etag = json.loads(ran.stdout)
    assert found == ids
    assert coding == "gzip"
    assert etag.endswith('-gzip"')
