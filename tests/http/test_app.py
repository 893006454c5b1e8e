"""The composition root: what is served, and what stops the start."""

import asyncio
import contextlib
import logging
import subprocess
import sys

import msgspec
import pytest

from service.app import create_app
from service.catalog import JobType
from service.errors import SettingsError
from service.reaper import Reaper
from service.settings import ENVELOPES, Settings
from tests.http.calling import Deployment, catalog_of, job_type


@pytest.mark.parametrize("off", ENVELOPES)
def test_an_envelope_that_is_off_has_no_routes(settings: Settings, off: str) -> None:
    on = tuple(name for name in ENVELOPES if name != off)
    with_all = {route.path for route in create_app(settings).routes}  # type: ignore[attr-defined]
    without = {route.path for route in create_app(msgspec.structs.replace(settings, envelopes=on)).routes}  # type: ignore[attr-defined]
    assert without < with_all


def test_a_job_types_own_route_goes_with_its_envelope(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    deployment = Deployment(msgspec.structs.replace(settings, envelopes=("native",)))
    answer = deployment.post("/generate_assessment", {"text": "a"})
    deployment.close()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "no route /generate_assessment: envelope 'plain' is off" in caplog.text


def test_a_seventh_envelope_is_served(settings: Settings) -> None:
    six_and_one = (*ENVELOPES, "tests.envelopes.compact")
    catalog = catalog_of(job_type("anything", submit="/c/things", envelope="compact"))
    deployment = Deployment(msgspec.structs.replace(settings, envelopes=six_and_one), catalog=catalog)
    accepted = deployment.post("/c/things", {"text": "a"})
    assert (accepted.status_code, accepted.json()) == (202, {"s": "q", "r": None})
    assert deployment.get(accepted.headers["location"]).json() == {"s": "q", "r": None}
    assert deployment.get("/c/nothing").json()["code"] == "job_not_found"
    deployment.close()


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        pytest.param([job_type("a", queue="slow")], "queue 'slow'", id="a queue that is not served"),
        pytest.param([job_type("a", submit="/jobs")], "Two routes are POST /jobs", id="native's own route"),
        pytest.param(
            [job_type("a", submit="/a"), job_type("b", submit="/a")], "Two routes are POST /a", id="one route twice"
        ),
        pytest.param([job_type("a", submit="/jobs/{job}")], "are the same", id="a read by another name"),
    ],
)
def test_what_cannot_work_stops_the_start(settings: Settings, types: list[JobType], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        create_app(settings, catalog=catalog_of(*types))


def test_importing_does_nothing_and_a_worker_needs_no_web_framework() -> None:
    script = "import service, sys; from service import job_type; assert 'starlette' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_reaper_that_misses_its_cancellation_holds_up_no_shutdown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(_: Reaper) -> None:
        # What asyncio.wait_for of Python 3.11 does at times.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    async def up_and_down() -> None:
        app = create_app(settings, catalog=catalog_of())
        async with app.router.lifespan_context(app):
            await asyncio.sleep(0)

    monkeypatch.setattr(Reaper, "run", deaf)
    asyncio.run(asyncio.wait_for(up_and_down(), timeout=10))
