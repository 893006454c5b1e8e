"""The composition root: what is served, and what stops the start."""

import asyncio
import logging
import socket
import time

import msgspec
import pytest

from pollable.app import create_app
from pollable.catalog import JobType
from pollable.errors import SettingsError
from pollable.settings import ENVELOPES, Settings
from tests.http.calling import Deployment, catalog_of, job_type

# The routes of each envelope and of the job types that name it.
PATHS = {
    "plain": {"/job_status", "/generate_assessment"},
    "record": {"/api/jobs/{id}", "/api/admin/prompts/preview"},
    "minimal": {"/api/v1/jobs/{id}", "/api/v1/analysis/screen"},
    "managed": {"/v1/api/jobs", "/v1/api/jobs/{id}", "/v1/api/jobs/{id}/rerun", "/v1/api/jobs/{id}/cancel"},
    "agent": {"/api/agent/jobs/{id}", "/api/agent/projects/{projectId}/audit-analysis/async"},
    "native": {
        "/jobs",
        "/jobs/{id}",
        "/jobs/{id}/result",
        "/jobs/{id}/events",
        "/jobs/events",
        "/jobs/{id}/cancel",
        "/jobs/{id}/rerun",
        "/job-types",
    },
}


@pytest.mark.parametrize("off", ENVELOPES)
def test_an_envelope_that_is_off_takes_its_own_routes_along_and_no_other(settings: Settings, off: str) -> None:
    on = tuple(name for name in ENVELOPES if name != off)
    whole, deployment = Deployment(settings), Deployment(msgspec.structs.replace(settings, envelopes=on))
    with_all, without = ({route.path for route in each.app.routes} for each in (whole, deployment))  # type: ignore[attr-defined]
    answers = {path: deployment.request("TRACE", path) for path in with_all}
    whole.close()
    deployment.close()
    assert without <= with_all
    assert with_all - without == PATHS[off]
    assert {path for path, answer in answers.items() if answer.status_code == 404} == PATHS[off]
    assert {answers[path].json()["code"] for path in PATHS[off]} == {"not_found"}
    assert {answer.status_code for path, answer in answers.items() if path not in PATHS[off]} == {405}


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
    ("method", "path", "status"),
    [("GET", "/t/nothing", 404), ("POST", "/t/nothing", 405), ("GET", "/t/%00", 404)],
)
def test_a_refusal_has_the_headers_that_its_envelope_set(
    settings: Settings, method: str, path: str, status: int
) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, envelopes=("tests.envelopes.terse",)))
    answer = deployment.request(method, path)
    deployment.close()
    assert (answer.status_code, answer.json()) == (status, str(status))
    # Once each, although the error of an unknown method has an `Allow` of its own.
    assert answer.headers.get_list("content-language") == ["en"]
    assert answer.headers.get_list("allow") == ["nothing"]
    assert answer.headers.get_list("retry-after") == ["7"]


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        pytest.param([job_type("a", queue="slow")], "queue 'slow'", id="a queue that is not served"),
        pytest.param([job_type("a", envelope="plan")], "no envelope 'plan'; .* 'plain'", id="an envelope misspelt"),
        pytest.param([job_type("a", envelope="compact")], "POLLABLE_ENVELOPES", id="an envelope that nobody named"),
        pytest.param([job_type("a", envelope="")], "there is no envelope ''", id="an empty envelope"),
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


def test_a_reaper_in_the_middle_of_a_pass_on_a_redis_that_hangs_holds_up_no_shutdown() -> None:
    async def up_and_down() -> float:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            settings = Settings(redis_url=f"redis://127.0.0.1:{listener.getsockname()[1]}", auth="none")
            app = create_app(settings, catalog=catalog_of())
            async with app.lifespan(app):
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
                began = time.monotonic()
            connection.close()
        return time.monotonic() - began

    # The client's time-outs end it, not the 25 s that a shutdown may take.
    assert asyncio.run(up_and_down()) < 3
