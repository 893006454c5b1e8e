"""Waiting for a job at a terminal: its progress in one line that is drawn anew; elsewhere one line at its end."""

import sys
import time

import click

from pollable.cli.asking import Asking
from pollable.cli.exits import FAILED
from pollable.client.errors import Unreachable
from pollable.client.patience import PASSING, Deadline
from pollable.client.snapshot import Snapshot
from pollable.client.steps import Answer, Flow, Reply, Told
from pollable.client.watch import Watch

BAR_WIDTH = 20

timeout_option = click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), help="Seconds; then the exit code is 4. Default: no end."
)


def wait_and_show(asking: Asking, job_id: str, *, timeout_s: float | None) -> None:
    """Print the job once it has ended; exit with 1 unless it succeeded. Goes on while the service is away."""
    line = Line(job_id)
    asking.heed(line.heed)
    try:
        job = asking.run(lambda: watched(job_id, timeout_s, sees_progress=line.is_drawn), told=line.show)
    finally:
        line.clear()
    line.end(job)
    asking.show()
    # A result that cannot be read is no success.
    if job.state != "succeeded" or job.error is not None:
        sys.exit(FAILED)


def watched(job_id: str, timeout_s: float | None, *, sees_progress: bool) -> Flow[Snapshot]:
    """Tells the job each time it is looked at; the job once it has ended."""
    watch = Watch(job_id, Deadline(timeout_s), sees_progress=sees_progress)
    while not (job := (yield from watch.look())).is_final:
        yield Told(job)
    return job


class Line:
    """One line on stderr about one job."""

    def __init__(self, job_id: str) -> None:
        self.is_drawn = sys.stderr.isatty()
        self._job_id = job_id
        self._began = time.monotonic()
        self._is_away = False

    def show(self, job: Snapshot) -> None:
        """Draw how far it has come, at a terminal."""
        if self.is_drawn:
            percent = job.progress.percent or 0
            bar = "#" * round(BAR_WIDTH * percent / 100)
            message = click.unstyle(" ".join((job.progress.message or "").split()))
            drawn = f"[{bar:.<{BAR_WIDTH}}] {percent:3} %  {job.state}  {message:30.30}"
            click.echo(f"\r\x1b[K{self._job_id}  {drawn}".rstrip(), err=True, nl=False)

    def heed(self, reply: Reply) -> None:
        """Say once that the service is away: who mistyped its address would wait in silence."""
        was_away, self._is_away = self._is_away, _is_away(reply)
        if self._is_away and not was_away:
            self.clear()
            said = str(reply) if isinstance(reply, Unreachable) else _status(reply)
            click.echo(f"{' '.join(said.split()).rstrip('.')}. Going on.", err=True)

    def clear(self) -> None:
        """Leave nothing of what was drawn."""
        if self.is_drawn:
            click.echo("\r\x1b[K", err=True, nl=False)

    def end(self, job: Snapshot) -> None:
        """Say how it ended."""
        why = f": {' '.join(job.error.message.split())} ({job.error.code})" if job.error else ""
        click.echo(f"Job {job.id} {_ended(job)} after {time.monotonic() - self._began:.1f} s{why}", err=True)


def _is_away(reply: Reply) -> bool:
    return isinstance(reply, Unreachable) or (isinstance(reply, Answer) and reply.status in PASSING)


def _status(reply: Reply) -> str:
    assert isinstance(reply, Answer)
    return f"{reply.url} answers {reply.status}."


def _ended(job: Snapshot) -> str:
    return "was cancelled" if job.state == "cancelled" else job.state
