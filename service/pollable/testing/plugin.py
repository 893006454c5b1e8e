"""What pytest is told of Pollable. pytest loads this in every run: all else is imported by who asks for the fixture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

if TYPE_CHECKING:
    from pollable.testing.app import PollableApp
    from pollable.testing.machines import Machines

CHOICES = {"worker": ("inline", "process"), "redis": ("fake", "server")}
MARKER = (
    "pollable(worker='inline', redis='fake', retry_delays=True): how `pollable_app` runs the test's jobs; what is not "
    "said is as pollable_worker, pollable_redis and pollable_retry_delays say."
)


class Plan(NamedTuple):
    """How a test's jobs are run. `retry_delays`: whether another attempt waits as long as its type says."""

    worker: Literal["inline", "process"]
    redis: Literal["fake", "server"]
    retry_delays: bool


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `[tool.pytest.ini_options]`."""
    parser.addini("pollable_jobs", "modules that register job types; without it those of POLLABLE_JOBS", "args", [])
    parser.addini(
        "pollable_worker", "where jobs run: inline (default), or in a process of a real worker", default="inline"
    )
    parser.addini("pollable_redis", "where they are kept: fake (default), or a server of the run's own", default="fake")
    parser.addini("pollable_retry_delays", "whether the pauses between attempts are kept (default)", "bool", True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def _pollable_machines(pytestconfig: pytest.Config) -> "Iterator[Machines]":
    from pollable.testing.machines import Machines

    machines = Machines(pytestconfig.getini("pollable_jobs"))
    yield machines
    machines.close()


@pytest.fixture
def pollable_app(request: pytest.FixtureRequest, _pollable_machines: "Machines") -> "Iterator[PollableApp]":
    """A deployment of your job types with no jobs in it yet: `pollable_app.submit(type, payload).wait()`."""
    app = _pollable_machines.app(plan_of(request))
    yield app
    app.close()


def plan_of(request: pytest.FixtureRequest) -> Plan:
    """By the test's marker, else by the ini options. Raises `pytest.UsageError` for what there is not."""
    marker = request.node.get_closest_marker("pollable")
    said = dict(marker.kwargs) if marker else {}
    if (marker and marker.args) or not said.keys() <= set(Plan._fields):
        raise pytest.UsageError(f"The marker is {MARKER}")
    plan = Plan(**{name: said.get(name, request.config.getini(f"pollable_{name}")) for name in Plan._fields})
    for name, choices in CHOICES.items():
        if (given := getattr(plan, name)) not in choices:
            raise pytest.UsageError(f"pollable_{name} is {given!r}; there are {' and '.join(choices)}.")
    # A fake lives in one process.
    return plan._replace(redis="server") if plan.worker == "process" else plan
