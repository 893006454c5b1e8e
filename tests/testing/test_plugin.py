"""`pollable_app` as other people's tests use it: each test here runs some of them."""

import subprocess
import sys

import pytest

import pollable.testing
from tests.system.running import environment
from tests.testing.conftest import SHOP, Run

INLINE = """
import asyncio, signal, threading, time
import pytest
import shop
from pollable import job_type
from pollable.testing import PollableApp
from pollable.errors import InvalidPayload, UnknownJobType

@job_type
def of_the_test(number: int) -> int:
    return number

def test_a_job_has_run_when_its_submit_returns(pollable_app):
    submitted = pollable_app.submit("double", 4, owner="alice")
    job = submitted.get()
    assert (job.result, job.state, job.owner) == (8, "succeeded", pollable_app.jobs.owner_name("alice"))
    assert submitted.wait() == job
    assert submitted.id in repr(submitted)

def test_another_test_sees_nothing_of_it(pollable_app):
    assert pollable_app.redis.dbsize() < 10
    assert list(pollable_app.jobs.list(owner="alice")) == []

def test_a_type_is_named_by_its_function(pollable_app):
    assert pollable_app.submit(shop.double, 4).wait().result == 8
    assert pollable_app.submit(of_the_test, 5).wait().result == 5

def test_a_refusal_is_raised(pollable_app):
    with pytest.raises(InvalidPayload):
        pollable_app.submit("double", "four")
    with pytest.raises(UnknownJobType):
        pollable_app.submit("treble", 4)

def test_jobs_run_in_the_thread_of_the_test_and_see_its_patches(pollable_app, monkeypatch):
    assert pollable_app.submit("where", None).wait().result == threading.current_thread().name
    monkeypatch.setattr(shop.threading.current_thread(), "name", "patched")
    assert pollable_app.submit("where", None).wait().result == "patched"

def test_what_processes_do_first_is_done_once():
    assert shop.begun == [threading.current_thread()]

def test_failures_tell_why(pollable_app):
    assert pollable_app.submit("wrong", None).wait().error.code == "too_long"
    assert pollable_app.submit("slow", None).wait().error.code == "timeout"

def test_a_delayed_job_runs_once_it_is_due(pollable_app):
    submitted = pollable_app.submit("double", 4, delay=0.5)
    assert submitted.get().state == "scheduled"
    with pytest.raises(TimeoutError, match="is scheduled after 0.1 s"):
        submitted.wait(timeout=0.1)
    assert submitted.wait().result == 8

def test_an_attempt_waits_as_long_as_its_type_says(pollable_app):
    job = pollable_app.submit("flaky", 2)
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.3)
    assert job.get().last_error.message == "The job failed: RuntimeError. not yet"

@pytest.mark.pollable(retry_delays=False)
def test_an_attempt_waits_for_nothing_on_request(pollable_app):
    assert pollable_app.submit("flaky", 3).wait().result == 3
    assert pollable_app.jobs.rerun(next(pollable_app.jobs.list()).id).attempts == 0
    assert [job.attempts for job in pollable_app.jobs.list()] == [3, 3]

def test_a_test_on_an_event_loop_may_submit(pollable_app):
    async def view():
        return pollable_app.submit("later", 4).wait()

    assert asyncio.run(view()).result == pollable_app.submit("later", 4).wait().result == 5

def test_code_that_awaits_may_submit_and_wait(pollable_app):
    async def view():
        async with pollable_app.async_jobs as jobs:
            job = await jobs.submit("double", 4, owner="alice")
            assert (await jobs.get(job.id)).result == 8
            again = await jobs.rerun(job.id)
            due = await jobs.submit("double", 5, delay=0.2)
            assert [each.id async for each in jobs.list(owner="alice")][:2] == [again.id, job.id]
            return await jobs.wait(due.id, timeout=10)

    assert asyncio.run(view()).result == 10
    assert asyncio.run(view()).result == 10

def test_the_fixture_has_a_type(pollable_app):
    assert isinstance(pollable_app, PollableApp)

def test_a_time_limit_of_the_test_is_kept(pollable_app):
    signal.setitimer(signal.ITIMER_REAL, 60)
    pollable_app.submit("double", 4).wait()
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    assert 50 < left_s < 60
"""


def test_jobs_run_inline_on_a_fake(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a service would be deployed is no business of tests.
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("POLLABLE_AUTH", "jwt")
    monkeypatch.setenv("POLLABLE_JWT_SECRET", "a-secret-of-thirty-two-characters-or-more")
    monkeypatch.setenv("PORT", "80")
    run(INLINE).assert_outcomes(passed=14)


CLIENT = """
import pytest
from pollable.client import JobFailed, Refused

def test_a_caller_is_answered(pollable_app):
    assert pollable_app.client.run("double", 4) == 8
    with pytest.raises(JobFailed, match="too long"):
        pollable_app.client.run("wrong", None)
    with pytest.raises(Refused) as refused:
        pollable_app.client.submit("double", "four")
    assert (refused.value.status, refused.value.code) == (422, "invalid_payload")
    assert pollable_app.client is pollable_app.client

def test_callers_see_what_is_theirs(pollable_app):
    job = pollable_app.submit("double", 4, owner="alice")
    alice, bob = pollable_app.client_of("alice"), pollable_app.client_of("bob")
    assert alice.job(job.id).result() == 8
    assert [each.id for each in alice.jobs()] == [job.id]
    for stranger in (bob, pollable_app.client):
        with pytest.raises(Refused, match="job_not_found"):
            stranger.job(job.id).status()
"""


def test_a_client_reaches_the_whole_service(run: Run) -> None:
    run(CLIENT).assert_outcomes(passed=2)


def test_the_same_runs_on_a_server(run: Run) -> None:
    run(CLIENT, ini="pollable_jobs = shop\npollable_redis = server").assert_outcomes(passed=2)


PROCESS = """
import os
import pytest

def test_a_real_worker_runs_the_job(pollable_app):
    assert pollable_app.submit("where", None).wait().result == "MainThread"
    assert pollable_app.submit("flaky", 3, owner="alice").wait().result == 3
    assert pollable_app.client.run("double", 4) == 8

def test_what_another_test_left_is_gone(pollable_app):
    assert list(pollable_app.jobs.list(owner="alice")) == []
    assert pollable_app.submit("double", 4).wait().result == 8
"""


def test_a_process_runs_the_jobs(run: Run) -> None:
    ini = "pollable_jobs = shop\npollable_worker = process\npollable_retry_delays = false"
    run(PROCESS, ini=ini).assert_outcomes(passed=2)


ONE = "def test_it(pollable_app):\n    assert pollable_app.submit('double', 4).wait().result == 8\n"
MARKED = "import pytest\n\n@pytest.mark.pollable({})\n" + ONE

WRONG: dict[str, tuple[str, str, str]] = {
    "no job types": (ONE, "", "*There are no job types: name their modules in pytest's option pollable_jobs*"),
    "a module that is not there": (ONE, "pollable_jobs = shops", "*POLLABLE_JOBS names 'shops', which cannot be*"),
    "no such worker": (ONE, "pollable_worker = thread", "*pollable_worker is 'thread'; there are inline and process.*"),
    "no such Redis": (MARKED.format("redis='real'"), "", "*pollable_redis is 'real'; there are fake and server.*"),
    "no such argument": (MARKED.format("workers=2"), "", "*The marker is pollable(worker='inline', redis='fake'*"),
    "an argument without a name": (MARKED.format("'process'"), "", "*The marker is pollable(worker='inline'*"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(run: Run, case: str) -> None:
    tests, ini, said = WRONG[case]
    result = run(tests, "--strict-markers", ini=ini)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_modules_are_named_by_the_environment_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLABLE_JOBS", "shop")
    run(ONE, ini="").assert_outcomes(passed=1)


def test_a_client_that_is_not_installed_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "pollable.testing.service")
    monkeypatch.delattr(pollable.testing, "service")
    result = run("def test_it(pollable_app):\n    pollable_app.client\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*`pollable_app.client` needs the client, which is an extra: pip install*"])


def test_a_fake_that_is_not_installed_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    result = run(ONE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pip install 'pollable*dev*'*"])


def test_the_plugin_is_found_by_itself_and_works_with_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP, test_one=ONE, test_two=ONE)
    pytester.makeini("[pytest]\npythonpath = .\npollable_jobs = shop\n")
    blocked = [
        part for name in ("schemathesis", "hypothesispytest", "timeout", "anyio") for part in ("-p", f"no:{name}")
    ]
    pytester.runpytest_subprocess("-n2", *blocked).assert_outcomes(passed=2)


def test_the_plugin_loads_nothing_before_its_fixture_is_asked_for() -> None:
    program = (
        "import pytest, sys\nbefore = set(sys.modules)\nimport pollable.testing.plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "['pollable', 'pollable.testing', 'pollable.testing.plugin']"
