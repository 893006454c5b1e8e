"""Web and worker in this process, where the Redis is a fake."""

import os
import socket
import time
from collections.abc import Iterator

import click
import pytest

from pollable.cli import stack
from pollable.cli.embedded import Fake
from pollable.cli.requests import Api
from tests.system.running import free_port

TEXT = "Water is a liquid. Ice is a solid. Steam is a gas. Iron is a metal. Gold is a metal that does not rust."


@pytest.fixture
def url() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    jobs = "pollable.examples.assessment"
    environment = stack.pristine(PORT=str(port), POLLABLE_HOST="127.0.0.1", POLLABLE_JOBS=jobs)
    running = stack.start(Fake(), environment)
    stack.wait_until_ready(running, url)
    yield url
    assert running.ended() is None
    running.stop()
    assert running.ended() is not None


def test_a_job_runs_to_its_end_on_a_fake_redis(url: str) -> None:
    api = Api(url)
    job_id = api.post("/generate_assessment", {"text": TEXT}).json()["job_id"]
    deadline = time.monotonic() + 20
    while (job := api.get(f"/job_status?job_id={job_id}").json())["status"] in ("queued", "started"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    assert job["status"] == "finished"
    assert job["result"]["mcqs"]


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert stack.free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_a_free_port_is_taken_as_preferred() -> None:
    preferred = free_port()
    assert stack.free_port(preferred) == preferred


def test_pristine_hands_on_nothing_that_configures_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLABLE_AUTH", "jwt")
    monkeypatch.setenv("REDIS_URL", "redis://somebody.else")
    environment = stack.pristine(PORT="8000")
    assert environment == {**_without_ours(), "PORT": "8000"}


def test_a_stack_that_ends_before_it_is_ready_is_told_at_once() -> None:
    with pytest.raises(click.ClickException, match="The web process ended"):
        stack.wait_until_ready(Ended(), f"http://127.0.0.1:{free_port()}")


class Ended:
    """A stack whose web process is gone."""

    def ended(self) -> str | None:
        return "The web process ended with exit code 3."

    def stop(self) -> None:
        """Nothing runs."""


def _without_ours() -> dict[str, str]:
    ours = ("POLLABLE_", "REDIS_URL", "PORT", "WEB_CONCURRENCY")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
