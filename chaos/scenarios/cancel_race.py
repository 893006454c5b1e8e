"""Jobs are cancelled at random moments of their lives: what the API answered is what becomes of them."""

import time
from collections import Counter

from chaos.calling import Answer
from chaos.poller import Seen
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial

NAP_S = 0.1
LATEST_S = 0.8


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as race:
        race.open(workers=int(size["workers"]))
        answers: dict[str, Answer] = {}
        while len(answers) < size["jobs"]:
            cancel_some(race, answers, most=int(size["workers"]) * 3)
        race.until_ended(within_s=60)
        race.judge()
        told: Counter[str] = Counter()
        for job_id, answer in answers.items():
            last = race.poller.last(job_id)
            told[f"{answer.status}, {last.state if last else 'unseen'}"] += 1
            race.require(last is not None and is_kept(answer, last), f"{job_id}: told {answer}, became {last}")
        race.figures["told_and_became"] = dict(sorted(told.items()))
        return Found(race.violations, race.figures)


def cancel_some(race: Trial, answers: dict[str, Answer], *, most: int) -> None:
    """A handful of jobs at a time, each cancelled at a moment of its own."""
    ids = [race.must_submit("nap_once", {"nap_s": NAP_S}) for _ in range(most)]
    began_at = time.monotonic()
    for offset_s, job_id in sorted((race.random.uniform(0, LATEST_S), job_id) for job_id in ids):
        time.sleep(max(0.0, began_at + offset_s - time.monotonic()))
        answers[job_id] = race.caller.cancel(job_id)


def is_kept(answer: Answer, last: Seen) -> bool:
    """200: cancelled. 202: asked for, and the first end counts. 409: it had ended as the answer says."""
    match answer.status:
        case 200:
            return last.state == "cancelled"
        case 202:
            return answer.json()["status"] == "running" and last.state in ("cancelled", "succeeded")
        case 409:
            return bool(answer.json().get("state") == last.state)
        case _:
            return False


scenario = Scenario(
    name="cancel_race",
    procedure="jobs cancelled at random moments",
    passes="what the API answered is what became of them",
    full={"jobs": 1000, "workers": 4},
    short={"jobs": 36, "workers": 2},
    run=run,
)
