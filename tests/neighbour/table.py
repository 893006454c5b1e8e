"""The table of docs/existing-rq.md, measured: what callers read after each operation on a job in each state.

`python -m tests.neighbour.table` writes it into the document.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command

from pollable.cli.embedded import Private, find_server
from pollable.serializer import JSON
from tests.jobs.workbench import until
from tests.neighbour.callers import read, submit
from tests.neighbour.operations import BESIDE_STOCK, OPERATIONS, Target, was_refused
from tests.neighbour.suspending import suspended
from tests.rq.processes import BIN, ROOT, listens, running, web, worker
from tests.system.running import free_port

DOCUMENT = ROOT / "docs" / "existing-rq.md"
BEGIN, END = "<!-- operations: measured by tests/neighbour/table.py -->", "<!-- operations end -->"
STATES = ("waiting", "delayed", "between attempts", "running", "succeeded", "failed", "cancelled")
REGISTRIES = {
    "delayed": "scheduled", "between attempts": "scheduled", "succeeded": "finished", "failed": "failed",
    "cancelled": "canceled",
}  # fmt: skip
"""RQ's, where it has the jobs of a state."""
TRUE_WITHIN_S = 5.0
PATIENCE_S = 40.0
"""For a machine that has too much to do: what the document says may come so late and no later."""
WORKERS = 6
AT_ONCE = 48


class Cell(msgspec.Struct, frozen=True):
    """One operation on one state."""

    operation: str
    state: str

    @property
    def queue(self) -> str:
        """Each has a queue of its own, so that whatever is emptied is emptied for this one alone."""
        return f"q{[*OPERATIONS].index(self.operation)}-{STATES.index(self.state)}"


CELLS = [Cell(operation, state) for operation in OPERATIONS for state in STATES]
HELD = [cell.queue for cell in CELLS if cell.state == "waiting"]
"""The queues where no worker listens before everything was tried."""


class Bench(msgspec.Struct, frozen=True):
    """Real processes around one Redis."""

    redis: Redis
    url: str
    http: httpx.Client
    dashboard: httpx.Client
    marks: Path
    log: Path


def measured(log: Path) -> dict[Cell, str]:
    """What callers read, for every cell; the last row is that of `rq suspend`."""
    with bench(log) as made, ThreadPoolExecutor(AT_ONCE) as pool:
        held = pool.submit(suspended, log, STATES)
        # Running ones first: they wait for each other.
        order = sorted(CELLS, key=lambda cell: cell.state != "running")
        told = dict(zip(order, pool.map(lambda cell: _tried(made, cell), order), strict=True))
        told |= _waiting_on(made, told)
        return told | {Cell("`rq suspend`", state): word for state, word in held.result().items()}


def table(told: dict[Cell, str]) -> str:
    """As Markdown."""
    rows = [*OPERATIONS, "`rq suspend`"]
    lines = [["", *STATES], ["---"] * (len(STATES) + 1)]
    lines += [[operation, *(_shown(told[Cell(operation, state)]) for state in STATES)] for operation in rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _shown(word: str) -> str:
    return {"as it was": "–", "RQ refuses": "refused"}.get(word, word)  # noqa: RUF001 - a dash, as printed


def shown() -> str:
    """The table that the document shows."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def documented(cell: Cell) -> str:
    """What the document says of a cell; empty where it says nothing."""
    row = next((line for line in shown().splitlines() if line.startswith(f"| {cell.operation} |")), "")
    words = [word.strip() for word in row.split("|")[2:-1]]
    return words[STATES.index(cell.state)] if row else ""


@contextmanager
def bench(log: Path) -> Iterator[Bench]:
    program = find_server()
    assert program is not None
    with ExitStack() as stack:
        server = Private(program)
        stack.callback(server.close)
        url, port = server.url, free_port()
        redis = stack.enter_context(Redis.from_url(url))
        settings = {"POLLABLE_JOBS": "tests.neighbour.ours"}
        options = ["--json", "--redis-url", url, "--bind", "127.0.0.1", "--port", str(port)]
        stack.enter_context(running(url, [str(BIN / "rq-dashboard"), *options], log))
        _keep_a_stock_worker_busy(stack, redis, url, log)
        free = ",".join(cell.queue for cell in CELLS if cell.queue not in HELD)
        for _ in range(WORKERS):
            stack.enter_context(worker(url, log, POLLABLE_QUEUES=free, **settings))
        all_queues = ",".join(cell.queue for cell in CELLS)
        http = stack.enter_context(web(url, log, POLLABLE_QUEUES=all_queues, **settings))
        dashboard = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        until(lambda: listens(dashboard, "/0/data/queues.json"), bool, within_s=60)
        marks = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Bench(redis, url, http, dashboard, marks, log)


def _keep_a_stock_worker_busy(stack: ExitStack, redis: Redis, url: str, log: Path) -> None:
    """A stock worker that listens on the queues of one row, and takes nothing from them."""
    Queue("busy", connection=redis, serializer="json").enqueue("time.sleep", 300, job_id="busy")
    queues = [cell.queue for cell in CELLS if cell.operation == BESIDE_STOCK]
    command = [str(BIN / "rq"), "worker", "--serializer", "pollable.serializer.JSON", "-u", url, "busy", *queues]
    stack.enter_context(running(url, command, log))
    until(lambda: redis.zcard("rq:wip:busy"), lambda number: number == 1, within_s=60)
    # It would finish what it does before it goes.
    stack.callback(send_stop_job_command, redis, "busy", serializer=JSON)


def _tried(made: Bench, cell: Cell) -> str:
    """Bring a job into the state, do it, and say what callers read within the time that is promised."""
    mark, needed = made.marks / f"{cell.queue}.mark", made.marks / f"{cell.queue}.needed"
    job_id = MAKERS[cell.state](made.http, cell.queue, mark, needed)
    if registry := REGISTRIES.get(cell.state):
        # RQ's own bookkeeping comes right after ours.
        row = f"rq:{registry}:{cell.queue}"
        until(lambda: made.redis.zscore(row, job_id), lambda score: score is not None, within_s=60)
    before = read(made.http, job_id)
    needed.touch()
    target = Target(made.redis, made.url, made.dashboard, cell.queue, job_id)
    refused = was_refused(OPERATIONS[cell.operation], target)
    over = time.monotonic() + PATIENCE_S
    while True:
        after = _settled(made.http, job_id, str(before["status"]))
        word = _word(before, after, refused=refused, is_running=cell.state == "running")
        if _shown(word) == documented(cell) or time.monotonic() > over:
            _holds(made.http, job_id, before=before, after=after)
            return word


def _settled(http: httpx.Client, job_id: str, state: str) -> dict[str, object]:
    """What callers read once it is another, final state, or when the time is over."""
    over = time.monotonic() + TRUE_WITHIN_S + (1 if state == "running" else 0)
    while time.monotonic() < over:
        seen = read(http, job_id)
        if seen.get("status") != state and seen.get("completedAt", "gone"):
            return seen
        time.sleep(0.2)
    return read(http, job_id)


def _holds(http: httpx.Client, job_id: str, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    """What is true of every cell."""
    plain = http.get("/job_status", params={"job_id": job_id}).json()["status"]
    if "attempts" in after:
        assert after["attempts"] <= after["maxAttempts"], (before, after)
        words = {"cancelled": ("failed",), "succeeded": ("finished",), "failed": ("failed",)}
        assert plain in words.get(after["status"], (plain,)), (plain, after)
    else:
        assert (plain, after["code"]) == (None, "job_expired"), (plain, after)


def _word(before: dict[str, Any], after: dict[str, Any], *, refused: bool, is_running: bool) -> str:
    state = after.get("status") if "attempts" in after else "gone"
    if state == "succeeded" and before["status"] == "failed":
        return "runs again"
    if before["status"] in ("scheduled", "queued") and after.get("attempts", 0) > before["attempts"]:
        return "runs at once"
    if state == "succeeded" and is_running:
        return "RQ refuses" if refused else "as it was"
    if state != before["status"]:
        return str(state)
    return "RQ refuses" if refused else "as it was"


def _waiting_on(made: Bench, told: dict[Cell, str]) -> dict[Cell, str]:
    """Let workers at what was held: what still waits runs, and nothing else does."""
    settings = {"POLLABLE_JOBS": "tests.neighbour.ours", "POLLABLE_QUEUES": ",".join(HELD)}
    ran = {cell: (made.marks / f"{cell.queue}.mark").exists for cell in told if cell.state == "waiting"}
    due = [cell for cell in ran if told[cell] in ("as it was", "RQ refuses")]
    over = time.monotonic() + 40
    with worker(made.url, made.log, **settings), worker(made.url, made.log, **settings):
        until(lambda: all(ran[cell]() for cell in due) or time.monotonic() > over, bool, within_s=60)
    never = {cell: f"{told[cell]}, and never ran" for cell in due if not ran[cell]()}
    return never | {cell: f"{told[cell]}, and ran" for cell in ran if cell not in due and ran[cell]()}


Maker = Callable[[httpx.Client, str, Path, Path], str]


def _waiting(http: httpx.Client, queue: str, mark: Path, _: Path) -> str:
    return submit(http, queue=queue, mark=str(mark))


def _delayed(http: httpx.Client, queue: str, mark: Path, _: Path) -> str:
    return submit(http, queue=queue, mark=str(mark), delay=3600)


def _between_attempts(http: httpx.Client, queue: str, *_: Path) -> str:
    job_id = submit(http, "persistent", queue=queue)
    return _once(http, job_id, lambda job: job["attempts"] == 1 and job["status"] != "running")


def _running(http: httpx.Client, queue: str, mark: Path, _: Path) -> str:
    job_id = submit(http, queue=queue, mark=str(mark), pause_s=TRUE_WITHIN_S)
    until(mark.exists, bool, within_s=60)
    return job_id


def _succeeded(http: httpx.Client, queue: str, *_: Path) -> str:
    return _once(http, submit(http, queue=queue), lambda job: job["status"] == "succeeded")


def _failed(http: httpx.Client, queue: str, _: Path, needed: Path) -> str:
    job_id = submit(http, "hopeless", queue=queue, needs=str(needed))
    return _once(http, job_id, lambda job: job["status"] == "failed")


def _cancelled(http: httpx.Client, queue: str, *_: Path) -> str:
    job_id = submit(http, queue=queue, delay=3600)
    assert http.post(f"/jobs/{job_id}/cancel").status_code == 200
    return job_id


def _once(http: httpx.Client, job_id: str, is_reached: Callable[[dict[str, Any]], bool]) -> str:
    # Whoever comes last waits for the jobs that rest.
    until(lambda: read(http, job_id), is_reached, within_s=60)
    return job_id


MAKERS: dict[str, Maker] = dict(
    zip(STATES, (_waiting, _delayed, _between_attempts, _running, _succeeded, _failed, _cancelled), strict=True)
)


def main() -> None:
    """Measure, and write what was measured into the document."""
    with tempfile.TemporaryDirectory() as directory:
        new = table(measured(Path(directory) / "log"))
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text.replace(shown(), new) if shown() else text.replace(BEGIN, f"{BEGIN}\n{new}"))
    sys.stdout.write(new + "\n")


if __name__ == "__main__":
    main()
