"""One job, end to end, by the two processes of the Procfile."""

import time

import redis

from tests.system.running import ROOT, Running, until

TEXT = (ROOT / "service" / "pollable" / "examples" / "texts" / "photosynthesis.txt").read_text()


def followed(service: Running, job_id: str) -> tuple[list[object], dict[str, object]]:
    """The statuses that a poller sees, each once, and the last answer."""
    seen: list[object] = []
    deadline = time.monotonic() + 30
    while True:
        answer = service.job_status(job_id)
        if not seen or seen[-1] != answer["status"]:
            seen.append(answer["status"])
        if answer["status"] not in ("queued", "started"):
            return seen, answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)


def test_a_job_goes_from_queued_over_started_to_finished(procfile: Running) -> None:
    job_id = procfile.submit(text=TEXT, questions=4, pace_s=0.2)
    seen, answer = followed(procfile, job_id)
    assert seen[-2:] == ["started", "finished"]
    assert list(answer) == ["status", "result"]
    result = answer["result"]
    assert isinstance(result, dict)
    assert len(result["mcqs"]) == 4


def test_a_text_without_questions_fails_with_a_reason(procfile: Running) -> None:
    _, answer = followed(procfile, procfile.submit(text="Too short."))
    assert answer["status"] == "failed"
    assert "too few sentences" in str(answer["error"])


def test_sigterm_lets_the_running_job_end_and_stops_both_processes(procfile: Running, redis_url: str) -> None:
    job_id = procfile.submit(text=TEXT, questions=2, pace_s=0.8)
    until(lambda: procfile.job_status(job_id)["status"] == "started")
    procfile.stop()
    assert procfile.log.count("process terminated") + procfile.log.count("stopped (rc=") == 2, procfile.log
    assert "Traceback" not in procfile.log
    with redis.Redis.from_url(redis_url) as client:
        assert client.hget(f"rq:pollable:job:{job_id}", "state") == b"succeeded"
