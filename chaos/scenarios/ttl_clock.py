"""Results that are kept for a second, polled across their end in every envelope."""

import re
import time
import uuid
from collections import defaultdict
from collections.abc import Callable

from chaos.calling import Answer
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial

KEPT_S = 1.0
PAGES: dict[str, Callable[[str], str]] = {
    "plain": lambda job_id: f"/job_status?job_id={job_id}",
    "record": lambda job_id: f"/api/jobs/{job_id}",
    "minimal": lambda job_id: f"/api/v1/jobs/{job_id}",
    "managed": lambda job_id: f"/v1/api/jobs/{job_id}",
    "agent": lambda job_id: f"/api/agent/jobs/{job_id}",
    "native": lambda job_id: f"/jobs/{job_id}",
}
UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DONE = ("finished", "COMPLETED", "completed", "succeeded", "success", "SUCCESS", "done")


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed, settings={"POLLABLE_QUOTA_POLLS": "0", "POLLABLE_QUOTA_WRITES": "0"}) as clock:
        clock.poller.may_expire = True
        clock.open(workers=2)
        told: dict[str, list[str]] = defaultdict(list)
        for number in range(int(size["jobs"])):
            what = "fail" if number % 3 == 2 else "succeed"
            across(clock, submitted(clock, what), told)
        clock.poller.stop()
        clock.figures["answers"] = {page: sorted(set(each)) for page, each in told.items()}
        clock.figures["jobs"] = len(clock.accepted)
        clock.violations += clock.poller.violations
        clock.violations += [f"I4: {wrong}" for wrong in clock.caller.traffic.wrong]
        return Found(clock.violations, clock.figures)


def submitted(clock: Trial, what: str) -> str:
    """By the one route after which every page shows the job."""
    answer = clock.caller.ask("POST", f"/api/agent/projects/{uuid.uuid4()}/brief", {"what": what})
    found = UUID.search(answer.body)
    assert found is not None, answer
    job_id = found[0].decode()
    clock.took(job_id)
    return job_id


def across(clock: Trial, job_id: str, told: dict[str, list[str]]) -> None:
    """Every page again and again, from before its end until after its outcome has gone. `agent` shows no result."""
    gone: set[str] = set()
    give_up_at = time.monotonic() + 20
    while len(gone) < len(PAGES):
        if time.monotonic() > give_up_at:
            clock.violations.append(f"{job_id} had not gone after 20 s from {set(PAGES) - gone}")
            return
        for page, path in PAGES.items():
            answer = clock.caller.ask("GET", path(job_id))
            word = told_of(answer)
            if not told[page] or told[page][-1] != word:
                told[page].append(word)
            if word.startswith("gone"):
                gone.add(page)
            else:
                clock.require(page not in gone, f"{page}: {job_id} came back as {answer}")
                clock.require(
                    page == "agent" or is_whole(answer),
                    f"{page}: {job_id} was told as done without its result: {answer}",
                )
        time.sleep(0.05)


def told_of(answer: Answer) -> str:
    """The status code with the word for the state; `gone` for 410, 404 and null."""
    if answer.status in (404, 410):
        return f"gone, {answer.status}"
    found = answer.json()
    # `managed` has everything in `data`.
    word = (found.get("data") or found).get("status")
    return "gone, null" if word is None else f"{answer.status}, {word}"


def is_whole(answer: Answer) -> bool:
    """What is told as done has the result that says in which execution it came about."""
    word = told_of(answer).partition(", ")[2]
    return word not in DONE or b"execution" in answer.body


scenario = Scenario(
    name="ttl_clock",
    procedure="outcomes kept for 1 s, polled across their end in all six envelopes",
    passes="200, then 410, 404 or null; never done without its result",
    full={"jobs": 60},
    short={"jobs": 3},
    run=run,
)
