"""What a caller reads of an attempt that failed."""

from typing import Any

import pytest
from rq.timeouts import JobTimeoutException

from pollable.catalog import Catalog
from pollable.errors import JobError
from pollable.worker import failures
from pollable.worker.claims import Claim, Outcome
from pollable.worker.encoding import ResultRefused, encode
from tests.jobs.workbench import PATIENT

MOST = 1000


def claim_of(name: str = "patient", *, attempt: int = 1) -> Claim:
    return Claim(
        job_id="j",
        token="t",
        rq_hash={},
        queue="pollable",
        attempt=attempt,
        max_attempts=3,
        type=name,
        owner="o",
        payload=b"1",
        timeout_s=7,
        context=b"{}",
        labels=b"{}",
    )


def told(error: BaseException, *, expose_errors: bool = True, attempt: int = 1) -> Outcome:
    catalog = Catalog()
    catalog.add(PATIENT)
    return failures.raised(error, claim_of(attempt=attempt), catalog=catalog, expose=expose_errors)


class Silent(Exception):
    pass


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("it has no words")


class Masked(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override] # What a class can do to whoever asks for its name.
        raise RuntimeError("it has no name")


class Hidden(Exception, metaclass=Masked):
    pass


FORGED = type("Fine.\nAll is well", (Exception,), {})
ENDLESS = type("E" * 5000, (Exception,), {})


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("page 3 is blank"), "exception", "The job failed: ValueError. page 3 is blank"),
        (ValueError("first line\nsecond line"), "exception", "The job failed: ValueError. first line"),
        (ValueError("\n\n  indented\nrest"), "exception", "The job failed: ValueError. indented"),
        (KeyError("page"), "exception", "The job failed: KeyError. 'page'"),
        (Silent(), "exception", "The job failed: Silent."),
        (Mute(), "exception", "The job failed: Mute."),
        (ValueError("x" * 2000), "exception", "The job failed: ValueError. " + "x" * 500),
        (ValueError("bad \ud800 text"), "exception", "The job failed: ValueError. bad ? text"),
        (SystemExit(3), "exception", "The job failed: SystemExit. 3"),
        (KeyboardInterrupt(), "exception", "The job failed: KeyboardInterrupt."),
        (JobError("blank_page", "Page 3 is blank."), "blank_page", "Page 3 is blank."),
        (JobError("blank_page", "Page 3 is blank.\n\n  Really."), "blank_page", "Page 3 is blank.\n\n  Really."),
        (JobError("blank_page", "y" * 2000), "blank_page", "y" * 2000),
        (JobError("blank_page", "y\n" * 2000), "blank_page", "y\n" * 1000),
        (JobError("blank_page", ""), "blank_page", "The job failed."),
        (JobTimeoutException("Task exceeded maximum timeout value"), "timeout", "The job ran longer than 7 s."),
        (MemoryError(), "out_of_memory", "The job ran out of memory."),
    ],
    ids=["plain", "first line", "blank lines first", "key error", "no text", "no words", "long", "lone surrogate",
         "exit", "interrupt", "job error", "job error of lines", "long job error", "too long a job error",
         "empty job error", "timeout", "memory"],
)  # fmt: skip
def test_a_failure_says(error: BaseException, code: str, message: str) -> None:
    outcome = told(error)
    assert (outcome.kind, outcome.code, outcome.message) == ("failed", code, message)
    assert outcome.may_retry


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ZeroDivisionError("division by zero"), "The job failed: ZeroDivisionError."),
        (ValueError("/srv/secret"), "The job failed: ValueError."),
        (FORGED("x"), "The job failed: Exception."),
        (ENDLESS("x"), "The job failed: Exception."),
        (Hidden("x"), "The job failed: Hidden."),
        (Mute(), "The job failed: Mute."),
        (JobError("blank_page", "Page 3\nis blank."), "Page 3\nis blank."),
    ],
    ids=["zero", "path", "forged name", "endless name", "hidden name", "no words", "job error"],
)
def test_where_errors_are_not_exposed_only_a_job_error_speaks(error: BaseException, message: str) -> None:
    assert told(error, expose_errors=False).message == message


@pytest.mark.parametrize("result", [{1}, "x" * 2000, 1], ids=["unserializable", "too large", "invalid"])
def test_a_refused_result_is_not_tried_again(result: Any) -> None:
    with pytest.raises(ResultRefused, match="The result") as refusal:
        encode(result, most_bytes=MOST, result_type=str)
    assert told(refusal.value).may_retry is False


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 1), (2, 60), (3, 60)])
def test_the_pause_grows_as_declared_and_its_last_step_repeats(attempt: int, delay_s: int) -> None:
    assert told(ValueError("x"), attempt=attempt).delay_s == delay_s


def test_a_failure_of_a_type_that_is_gone_is_told_all_the_same() -> None:
    assert failures.raised(ValueError("x"), claim_of("retired"), catalog=Catalog(), expose=True).delay_s == 0


@pytest.mark.parametrize("code", ["a", "blank_page", "x" * 64, "e404"])
def test_a_code_is_a_word(code: str) -> None:
    assert JobError(code, "m").code == code


@pytest.mark.parametrize(
    "code", ["", "Blank", "blank page", "9lives", "x" * 65, "é", "a-b", "a\n", "_a", None, 404], ids=repr
)
def test_what_is_no_word_is_no_code_and_the_message_is_not_lost(code: Any) -> None:
    with pytest.raises(ValueError, match=r"is no error code: 1 to 64 of a-z, 0-9 and _.*'Page 3 is blank.'"):
        JobError(code, "Page 3 is blank.")
