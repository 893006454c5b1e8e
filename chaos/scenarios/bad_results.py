"""Results that are no JSON, too deep, too large."""

import msgspec

from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial

UNFIT = {
    "set": "result_unserializable",
    "nan": "result_unserializable",
    "infinity": "result_unserializable",
    "object": "result_unserializable",
    "surrogate": "result_unserializable",
    "surrogate_key": "result_unserializable",
    "itself": "result_unserializable",
}
SIZED = {"deep": "result_unserializable", "large": "result_too_large"}


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as bad:
        bad.open(workers=2)
        wanted = {bad.must_submit("return_badly", {"what": what}): (what, code) for what, code in UNFIT.items()}
        for what, sizes in (("deep", _depths(size)), ("large", _lengths(size))):
            for each in sizes:
                job_id = bad.must_submit("return_badly", {"what": what, "size": each})
                wanted[job_id] = (f"{what} {each}", SIZED[what])
        bad.until_ended(within_s=120)
        bad.judge()
        for job_id, (what, code) in wanted.items():
            ended = _ended(bad, job_id)
            bad.require(ended == ("failed", code), f"{what} ended as {ended}")
        bad.figures["results"] = len(wanted)
        return Found(bad.violations, bad.figures)


def _depths(size: Size) -> list[int]:
    return [depth for depth in (1_000, 10_000, 100_000) if depth <= size["deepest"]]


def _lengths(size: Size) -> list[int]:
    return [mb * 1_000_000 for mb in (2, 10, 50, 100) if mb <= size["largest_mb"]]


def _ended(bad: Trial, job_id: str) -> tuple[str, str | None]:
    last = bad.poller.last(job_id)
    if last is None:
        return "unseen", None
    error = msgspec.json.decode(last.content)["error"]
    return last.state, error and str(error["code"])


scenario = Scenario(
    name="bad_results",
    procedure="set, NaN, infinity, lone surrogates, depth to 100,000, 2 to 100 MB",
    passes="failed with a code, never a success",
    full={"deepest": 100_000, "largest_mb": 100},
    short={"deepest": 100_000, "largest_mb": 10},
    run=run,
)
