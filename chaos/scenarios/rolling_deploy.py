"""Every web process and every worker is replaced, again and again, under load."""

import signal
import time

from chaos.load import load
from chaos.processes import Process
from chaos.scenario import Found, Scenario, Size
from chaos.trial import Trial, trial
from chaos.waiting import until

DRAIN_S = 0.5
"""Between the last request that a router sends to an old process and its SIGTERM."""
GRACE_S = 10
EXIT_S = 30.0
ENDED_BY_TERM = (0, -signal.SIGTERM)
"""uvicorn passes the signal on to itself when all is answered."""


def run(size: Size, seed: int) -> Found:
    with trial(seed=seed) as deploy:
        web, deploy.caller.address = deploy.deployment.web()
        workers = [deploy.deployment.listening_worker("--grace-s", str(GRACE_S)) for _ in range(2)]
        deploy.poller.start()
        with load(deploy, per_s=10, naps_s=(0.02, 0.4)) as counted:
            for _ in range(int(size["rounds"])):
                web, workers = replaced(deploy, web, workers)
        deploy.until_ended(within_s=60)
        deploy.judge()
        deploy.figures["submits_refused"] = counted.tried - counted.accepted
        deploy.require(counted.tried == counted.accepted, "a submit was refused")
        deploy.require(deploy.figures["failed"] == 0, "a job failed")
        deploy.require(deploy.figures["begun_again"] == 0, "a job was begun again")
        return Found(deploy.violations, deploy.figures)


def replaced(deploy: Trial, web: Process, workers: list[Process]) -> tuple[Process, list[Process]]:
    """New before old: who starts is ready before who was there is told to go."""
    fresh = [deploy.deployment.worker("--grace-s", str(GRACE_S)) for _ in workers]
    new, address = deploy.deployment.web()
    deploy.caller.address = address
    time.sleep(DRAIN_S)
    web.send(signal.SIGTERM)
    with deploy.requiring("new workers"):
        until(lambda: deploy.deployment.listens(*fresh), within_s=60, what="workers that listen")
    for each in workers:
        each.send(signal.SIGTERM)
    with deploy.requiring("an old process"):
        codes = [each.exited(within_s=EXIT_S) for each in (web, *workers)]
        deploy.require(codes[0] in ENDED_BY_TERM and not any(codes[1:]), f"old processes ended with {codes}")
    return new, fresh


scenario = Scenario(
    name="rolling_deploy",
    procedure="every web process and worker replaced, again and again, under load",
    passes="0 lost, 0 failed, 0 begun again, 0 refused",
    full={"rounds": 20},
    short={"rounds": 1},
    run=run,
)
