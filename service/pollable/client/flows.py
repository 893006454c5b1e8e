"""What a client does, as steps that either of the two takes."""

from collections.abc import Iterable, Mapping

import msgspec

from pollable.client import requests
from pollable.client.errors import Refused
from pollable.client.patience import Deadline, exchanged
from pollable.client.requests import Order
from pollable.client.snapshot import Page, Snapshot
from pollable.client.steps import Answer, Flow, Listen, NextEvent, Told
from pollable.client.watch import HELD_S, Watch


def submitted(order: Order) -> Flow[Snapshot]:
    """The job that was accepted: one, however often it had to be sent."""
    return (yield from exchanged(requests.submit(order), of=Snapshot))


def ran(order: Order, *, timeout_s: float | None) -> Flow[Snapshot]:
    """The job once it has ended."""
    deadline = Deadline(timeout_s)
    held_s = int(min(HELD_S, deadline.left_s))
    job = yield from exchanged(requests.submit(order, held_s=held_s), of=Snapshot, deadline=deadline)
    return job if job.is_final else (yield from _ended(job.id, deadline))


def seen(job_id: str) -> Flow[Snapshot]:
    """The job as it is."""
    return (yield from exchanged(requests.read(job_id), of=Snapshot))


def ended(job_id: str, *, timeout_s: float | None) -> Flow[Snapshot]:
    """The job once it has ended."""
    return (yield from _ended(job_id, Deadline(timeout_s)))


def cancelled(job_id: str) -> Flow[Snapshot]:
    """The job after the service was asked to cancel it; one that is cancelled already is left as it is."""
    try:
        return (yield from exchanged(requests.cancel(job_id), of=Snapshot))
    except Refused as refusal:
        # As it is when the first answer was lost on its way.
        if refusal.code != "wrong_state" or refusal.problem.get("state") != "cancelled":
            raise
    return (yield from seen(job_id))


def rerun(job_id: str) -> Flow[Snapshot]:
    """The new job: one, however often it had to be asked for."""
    return (yield from exchanged(requests.rerun(job_id), of=Snapshot))


def listed(status: str | Iterable[str], type_: str | Iterable[str], labels: Mapping[str, str]) -> Flow[None]:
    """Tells each of the caller's jobs, newest first; a page is asked for once it is reached."""
    asked, cursor = requests.page_query(status, type_, labels), None
    while True:
        page = yield from exchanged(requests.page(asked, cursor=cursor), of=Page)
        for job in page.jobs:
            yield Told(job)
        cursor = page.cursor
        if cursor is None:
            return


def changes(job_id: str) -> Flow[None]:
    """Tells the job as it is, then after each change, until it has ended."""
    watch, may_listen, told = Watch(job_id, Deadline(), sees_progress=True), True, None
    while told is None or not told.is_final:
        job = yield from watch.look()
        if job != told:
            yield Told(job)
        told = job
        if may_listen and job.links.get("events") and not job.is_final:
            told, may_listen = yield from _heard(job)
            watch.hurry()


def _heard(job: Snapshot) -> Flow[tuple[Snapshot, bool]]:
    """Tells what the stream of events says, as far as it goes; what it said last, and whether there is a stream."""
    answer = yield Listen(requests.events(job.id))
    if not isinstance(answer, Answer):
        return job, True
    if answer.status != 200:
        return job, False
    # A stream that breaks is looked for again, after a look at the job.
    while not job.is_final and isinstance(data := (yield NextEvent()), str):
        heard = _snapshot(data)
        if heard is not None and heard != job:
            yield Told(heard)
            job = heard
    return job, True


def _snapshot(data: str) -> Snapshot | None:
    # Whatever else is said in a stream is not about the job.
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except msgspec.DecodeError:
        return None


def _ended(job_id: str, deadline: Deadline) -> Flow[Snapshot]:
    watch = Watch(job_id, deadline)
    while not (job := (yield from watch.look())).is_final:
        pass
    return job
