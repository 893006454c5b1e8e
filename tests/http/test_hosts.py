"""Hosts, servers and proxies as processes: what callers are given leads back through all of them."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.http.reverse_proxy import proxied
from tests.system.running import ROOT, Running, free_port, listens, running, until

HOST = """
from contextlib import asynccontextmanager
from {framework} import {name}
from pollable import Settings, create_app, job_type

@job_type
def double(number: int) -> int:
    return 2 * number

pollable = create_app(Settings(redis_url="{redis_url}", jobs=(__name__,), {settings}))

@asynccontextmanager
async def own(app):
    async with pollable.lifespan(app):
        yield

app = {name}(lifespan={lifespan})
app.mount("/pollable", pollable)
"""
FRAMEWORKS = {"Starlette": "starlette.applications", "FastAPI": "fastapi"}
ORDER = {"type": "double", "payload": 21}


class Hosted:
    """A host application in a directory of its own."""

    def __init__(
        self, directory: Path, redis_url: str, *, name: str = "Starlette", lifespan: str, settings: str
    ) -> None:
        text = HOST.format(
            framework=FRAMEWORKS[name], name=name, redis_url=redis_url, lifespan=lifespan, settings=settings
        )
        (directory / "hosting_app.py").write_text(text)
        self._directory = directory

    @contextmanager
    def served(self, *options: str) -> Iterator[Running]:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(self._directory), "hosting_app:app", *options]
        if "--uds" not in options:
            command += ["--port", str(port)]
        log = self._directory / "host.log"
        with running(command, url=f"http://127.0.0.1:{port}", log=log, settings={}) as host:
            yield host


def answers(host: Running, path: str = "/pollable/healthz") -> bool:
    assert host.process.poll() is None, host.log
    try:
        return host.http.get(path).status_code == 200
    except httpx.TransportError:
        return False


def followed(url: str, path: str) -> list[str]:
    """Submits a job there and follows what it is told; the paths that it was told."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        accepted = client.post(path, json=ORDER)
        assert accepted.status_code == 202, accepted.text
        read = client.get(accepted.headers["location"])
        assert read.json()["links"]["self"] == accepted.headers["location"]
        assert client.post(read.json()["links"]["cancel"]).json()["status"] == "cancelled"
        client.post(path, json=ORDER)
        following = client.get(f"{path}?limit=1").links["next"]["url"]
        assert client.get(following).json()["jobs"][0]["id"] == read.json()["id"]
        return [accepted.headers["location"], following]


@pytest.mark.parametrize("lifespan", ["pollable.lifespan", "own"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_host_serves_it_below_its_mount(redis_url: str, tmp_path: Path, name: str, lifespan: str) -> None:
    hosted = Hosted(tmp_path, redis_url, name=name, lifespan=lifespan, settings='auth="none"')
    with hosted.served() as host:
        until(lambda: answers(host))
        assert all(path.startswith("/pollable/jobs") for path in followed(host.url, "/pollable/jobs"))
        assert host.stop() in (0, -15)


def test_a_host_that_forgot_the_lifespan_says_which_line_is_missing(redis_url: str, tmp_path: Path) -> None:
    with Hosted(tmp_path, redis_url, lifespan="None", settings='auth="none"').served() as host:
        until(lambda: answers(host))
        answer = host.http.get("/pollable/jobs")
        assert answer.status_code == 500
        assert "lifespan=pollable.lifespan" in answer.json()["detail"]
        assert "lifespan=pollable.lifespan" in host.log


def test_a_host_that_said_nothing_of_authentication_does_not_start(redis_url: str, tmp_path: Path) -> None:
    with Hosted(tmp_path, redis_url, lifespan="pollable.lifespan", settings="").served() as host:
        assert host.process.wait(20) != 0
        assert "Set POLLABLE_AUTH" in host.log


@pytest.mark.parametrize("socket", [False, True], ids=["TCP", "Unix socket"])
def test_a_host_behind_a_proxy_that_strips_a_prefix(redis_url: str, tmp_path: Path, socket: bool) -> None:
    settings = 'auth="none", trusted_proxies="127.0.0.1,unix"'
    hosted = Hosted(tmp_path, redis_url, name="FastAPI", lifespan="pollable.lifespan", settings=settings)
    uds = str(tmp_path / "host.sock")
    with ExitStack() as stack:
        host = stack.enter_context(hosted.served("--no-proxy-headers", *(("--uds", uds) if socket else ())))
        transport = httpx.HTTPTransport(uds=uds) if socket else None
        upstream = stack.enter_context(httpx.Client(base_url=host.url, transport=transport, trust_env=False))
        # httpcore leaves a socket open that it could not connect.
        until(lambda: "Uvicorn running" in host.log)
        for headers, prefix in (({"x-forwarded-prefix": "/edge"}, "/edge/pollable/jobs"), ({}, "/pollable/jobs")):
            with proxied(upstream, prefix="/edge", headers=headers) as url:
                with httpx.Client(base_url=url, trust_env=False) as client:
                    location = client.post("/edge/pollable/jobs", json=ORDER).headers["location"]
                assert location.startswith(f"{prefix}/")
                if headers:
                    followed(url, "/edge/pollable/jobs")


@contextmanager
def web(redis_url: str, directory: Path, **settings: str) -> Iterator[Running]:
    port = str(free_port())
    complete = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "PORT": port, **settings}
    complete = {"POLLABLE_JOBS": "pollable.examples.everything", **complete}
    command = [sys.executable, "-m", "pollable", "serve"]
    with running(command, url=f"http://127.0.0.1:{port}", log=directory / "web.log", settings=complete) as started:
        yield started


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"POLLABLE_PATH_PREFIX": "/edge"}, {}),
        ({"POLLABLE_TRUSTED_PROXIES": "127.0.0.1"}, {"x-forwarded-prefix": "/edge"}),
        ({"POLLABLE_TRUSTED_PROXIES": "127.0.0.1", "POLLABLE_PATH_PREFIX": "/else"}, {"x-forwarded-prefix": "/edge"}),
    ],
    ids=["by the setting", "by the header", "by both"],
)
def test_the_service_behind_a_proxy_that_strips_a_prefix(
    redis_url: str, tmp_path: Path, settings: dict[str, str], headers: dict[str, str]
) -> None:
    with web(redis_url, tmp_path, POLLABLE_AUTH="none", **settings) as served:
        until(lambda: listens(served))
        with (
            proxied(served.http, prefix="/edge", headers=headers) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            order = {"type": "generate_assessment", "payload": {"text": "Ice is a solid."}}
            accepted = client.post("/edge/jobs", json=order)
            assert accepted.headers["location"].startswith("/edge/jobs/")
            assert client.get(accepted.headers["location"]).json()["links"]["self"].startswith("/edge/jobs/")
            assert client.get("/edge/openapi.json").json()["servers"] == [{"url": "/edge"}]


@pytest.mark.parametrize(("trusted", "logged"), [("127.0.0.1", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")])
def test_one_rule_says_who_called(redis_url: str, tmp_path: Path, trusted: str, logged: str) -> None:
    # uvicorn's own would believe 127.0.0.1 in both cases.
    with web(redis_url, tmp_path, POLLABLE_AUTH="none", POLLABLE_TRUSTED_PROXIES=trusted) as served:
        until(lambda: listens(served))
        served.http.get("/nothing", headers={"x-forwarded-for": "198.51.100.7, 203.0.113.9"})
        # It is written once the answer is out.
        until(lambda: "/nothing" in served.log)
        line = next(line for line in served.log.splitlines() if "/nothing" in line)
        assert json.loads(line)["client"] == logged


@pytest.mark.parametrize("setting", ["POLLABLE_TRUSTED_PROXIES", "POLLABLE_PATH_PREFIX"])
def test_behind_a_proxy_the_service_starts_with_a_word_on_authentication(
    redis_url: str, tmp_path: Path, setting: str
) -> None:
    value = "127.0.0.1" if setting.endswith("PROXIES") else "/edge"
    with web(redis_url, tmp_path, **{setting: value}) as served:
        assert served.process.wait(20) == 2
    assert setting in served.log
    assert "Set POLLABLE_AUTH" in served.log
    assert "Traceback" not in served.log


def test_on_loopback_every_process_of_the_service_starts_without(redis_url: str, tmp_path: Path) -> None:
    with web(redis_url, tmp_path, WEB_CONCURRENCY="2") as served:
        until(lambda: listens(served))
        assert served.http.get("/jobs").json() == {"jobs": [], "cursor": None}


SAMPLES = [
    (name, text)
    for name in ("README.md", "docs/deploying.md")
    for text in re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
    if "create_app" in text
]


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_the_documents_code_is_a_host_that_works(redis_url: str, tmp_path: Path, number: int) -> None:
    text = SAMPLES[number][1].replace("myapp.jobs", "pollable.examples.everything")
    (tmp_path / "sample.py").write_text(text.replace("Settings(", f'Settings(redis_url="{redis_url}", '))
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(tmp_path),
        "sample:app",
        "--port",
        str(port := free_port()),
    ]
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "host.log", settings={}) as host:
        until(lambda: answers(host))
        assert host.http.get("/pollable/jobs").status_code == (200 if 'auth="none"' in text else 401)
