"""What a job can know and say, and from which threads."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.timeouts import JobTimeoutException

from pollable import job_context, report_progress
from pollable.worker.claims import Progress
from pollable.worker.context import JobContext, begun
from pollable.worker.progress import Reporter
from tests.worker.waiting import until

CONTEXT = JobContext(
    id="j", type="nap", owner="o", attempt=2, max_attempts=3, deadline=datetime(2026, 1, 2, tzinfo=UTC),
    context={"projectId": "p"},
)  # fmt: skip


class Sent:
    """What reaches the record, in the end."""

    def __init__(self) -> None:
        self.newest: Progress | None = None
        self.reporter = Reporter(self._send)

    def _send(self, progress: Progress) -> None:
        self.newest = progress

    def until(self, progress: Progress) -> None:
        until(lambda: self.newest == progress, within_s=5, what=f"{progress} sent")


@pytest.fixture
def sent() -> Iterator[Sent]:
    sent = Sent()
    with begun(CONTEXT, reporter=sent.reporter):
        yield sent
    sent.reporter.close()


def in_a_pool(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def in_a_thread(work: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


def in_a_thread_of_a_thread(work: Callable[[], Any]) -> Any:
    return in_a_pool(lambda: in_a_thread(work))


@pytest.mark.parametrize("where", [lambda work: work(), in_a_pool, in_a_thread, in_a_thread_of_a_thread])
def test_every_thread_of_the_job_knows_it_and_speaks_for_it(sent: Sent, where: Callable[[Any], Any]) -> None:
    assert where(job_context) == CONTEXT
    where(lambda: report_progress(40, "page 3"))
    sent.until(Progress(40, "page 3"))


def test_a_thread_that_was_there_before_the_job_is_none_of_its_own() -> None:
    sent = Sent()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with begun(CONTEXT, reporter=sent.reporter):
            assert pool.submit(job_context).result() == JobContext()
            pool.submit(report_progress, 40).result()
            report_progress(50)
            sent.until(Progress(50, ""))
    sent.reporter.close()


def test_the_last_report_before_a_failure_is_sent_and_none_after_a_success() -> None:
    failed, succeeded = Sent(), Sent()
    for sent in (failed, succeeded):
        with begun(CONTEXT, reporter=sent.reporter):
            report_progress(10)
            sent.until(Progress(10, ""))
            report_progress(20, "too soon after the last one")
        sent.reporter.close(has_failed=sent is failed)
    assert failed.newest == Progress(20, "too soon after the last one")
    assert succeeded.newest == Progress(10, "")


def test_after_the_job_there_is_none() -> None:
    with begun(CONTEXT, reporter=Sent().reporter):
        assert job_context() == CONTEXT
    assert job_context() == JobContext()
    report_progress(40)


def test_outside_a_worker_a_job_function_can_be_called_as_it_is() -> None:
    report_progress(40, "page 3 of 8")
    assert job_context() == JobContext(id="", attempt=1, max_attempts=1, deadline=None, context={})


class Unfriendly:
    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(None, 30), (math.nan, 30), ("much", 30), (object(), 30), (10**400, 30), (Unfriendly(), 30), ([], 30), (b"x", 30),
     (math.inf, 100), (-math.inf, 0), (-5, 0), (250, 100), (41.9, 41), (True, 1), ("55", 55)],
    ids=["none", "NaN", "text", "object", "10**400", "raises", "list", "bytes", "infinity", "minus infinity", "below",
         "above", "fraction", "bool", "digits"],
)  # fmt: skip
def test_what_is_no_percentage_leaves_it_as_it_was(sent: Sent, percent: Any, shown: int) -> None:
    report_progress(30, "before")
    report_progress(percent, "after")
    sent.until(Progress(shown, "after"))


@pytest.mark.parametrize(
    ("message", "shown"),
    [(None, ""), (5, "5"), ("page \ud800", "page ?"), ("x" * 9000, "x" * 500), (Unfriendly(), ""), (b"x", "b'x'")],
    ids=["none", "number", "lone surrogate", "long", "object without text", "bytes"],
)
def test_what_is_no_message_is_shown_as_far_as_it_goes(sent: Sent, message: Any, shown: str) -> None:
    report_progress(40, message)
    sent.until(Progress(40, shown))


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers())


@given(percent=anything, message=anything)
def test_a_report_never_fails_a_job(percent: Any, message: Any) -> None:
    sent = Sent()
    with begun(CONTEXT, reporter=sent.reporter):
        report_progress(percent, message)
    sent.reporter.close()


def test_a_timeout_that_comes_in_the_middle_of_a_report_is_not_swallowed(sent: Sent) -> None:  # noqa: ARG001
    class Slow:
        def __float__(self) -> float:
            raise JobTimeoutException("Task exceeded maximum timeout value")

    with pytest.raises(JobTimeoutException):
        report_progress(Slow())  # type: ignore[arg-type]
