"""Redis does the same for somebody else's job as for none: time tells a stranger nothing."""

import hashlib
import re
from collections.abc import Iterator

import msgspec
import pytest

from pollable.model import State
from pollable.settings import Settings
from pollable.storage.scripts import source
from tests.clients.people import SECRET, token
from tests.clients.test_strangers import ROUTES
from tests.http.calling import PROJECT_ID, Deployment
from tests.keyspace import put_into_project

OWNER, STRANGER = f"Bearer {token('owner')}", f"Bearer {token('stranger')}"
NEVER_WAS = "01a201da-f176-747a-ae0d-6318d7ea3dd2"


@pytest.fixture(params=["off", "read"], ids=["foreign jobs off", "foreign jobs read"])
def deployment(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    guarded = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET, foreign_jobs=request.param)
    running = Deployment(guarded)
    yield running
    running.close()


REAPING = hashlib.sha1(source("reap").encode(), usedforsecurity=False).hexdigest()
"""The name by which Redis knows the reaper's script."""


def in_state(deployment: Deployment, state: State) -> str:
    order: dict[str, object] = {"type": "anything", "payload": 1}
    if state is State.SCHEDULED:
        order["delay"] = 3600
    job_id = str(deployment.post("/jobs", order, authorization=OWNER).json()["id"])
    put_into_project(deployment.redis, job_id, PROJECT_ID)
    if state is State.RUNNING:
        deployment.start(job_id)
    elif state is State.SUCCEEDED:
        deployment.succeed(job_id)
    elif state is State.FAILED:
        deployment.fail(job_id)
    elif state is State.CANCELLED:
        deployment.post(f"/jobs/{job_id}/cancel", authorization=OWNER)
    return job_id


def work(deployment: Deployment, method: str, path: str, job_id: str) -> list[str]:
    """What Redis runs while a stranger asks, inside scripts too; without the id, and the moments of `agent`'s quota.

    Measured again where the reaper came by meanwhile.
    """
    commands = measured(deployment, method, path, job_id)
    while any(REAPING in command for command in commands):
        commands = measured(deployment, method, path, job_id)
    return commands


def measured(deployment: Deployment, method: str, path: str, job_id: str) -> list[str]:
    commands: list[str] = []
    with deployment.redis.monitor() as monitor:  # type: ignore[no-untyped-call] # redis-py
        deployment.request(method, path.format(id=job_id), headers={"authorization": STRANGER})
        deployment.redis.echo("the end")
        while (command := monitor.next_command()["command"]) != "ECHO the end":
            commands.append(re.sub(r"\b[\d.]+\b", "N", command.replace(job_id, "ID")))
    return commands


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_job_of_somebody_else_costs_what_none_does(
    deployment: Deployment, method: str, path: str, state: State
) -> None:
    job_id = in_state(deployment, state)
    # The first time loads the script.
    work(deployment, method, path, NEVER_WAS)
    costs = work(deployment, method, path, NEVER_WAS)
    assert costs
    assert work(deployment, method, path, job_id) == costs
