"""What is told of a failure: the line that names the exception, wherever it is, or RQ's own sentence in our words."""

import enum
import traceback
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.timeouts import JobTimeoutException

from pollable.jobs.tracebacks import failure_told
from pollable.model import Failure

# As SQLAlchemy 2.0 words it.
SQL = """(sqlite3.IntegrityError) UNIQUE constraint failed: users.email
[SQL: INSERT INTO users (email) VALUES (?)]
[parameters: ('a@example.com',)]
(Background on this error at: https://sqlalche.me/e/20/gkpj)"""


class IntegrityError(Exception):
    """Stands for SQLAlchemy's."""


IntegrityError.__module__ = "sqlalchemy.exc"


class User(pydantic.BaseModel):
    id: int
    name: str


class Color(enum.Enum):
    RED = 1


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def noted() -> None:
    error = ValueError("page 3 is blank")
    error.add_note("seen in chapter 2\n\nValueError: not this one")
    error.add_note("and again")
    raise error


def chained() -> None:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise IntegrityError(SQL) from error


def during() -> None:
    try:
        chained()
    except IntegrityError:
        raise ValueError("last\nExtra: line") from None if not SQL else ValueError("last cause")


def grouped() -> None:
    inner = ExceptionGroup("inner", [TypeError("b")])
    raise ExceptionGroup("2 pages failed", [ValueError("a\nb"), inner])


def grouped_with_parts_that_were_raised() -> None:
    errors: list[Exception] = []
    for act in (noted, chained, grouped):
        try:
            act()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("3 parts failed", errors)


def after_a_group() -> None:
    try:
        grouped_with_parts_that_were_raised()
    except ExceptionGroup as group:
        raise LookupError("no part is left") from group


def a_group_after_another() -> None:
    try:
        chained()
    except IntegrityError as error:
        raise ExceptionGroup("at the end", [ValueError("x")]) from error


def quoting() -> None:
    try:
        raise OSError("inner")
    except OSError:
        raise RuntimeError(traceback.format_exc()) from None


def local() -> None:
    class NotHereError(Exception):
        pass

    raise NotHereError("gone")


def deep() -> None:
    deep()


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def told_by_python(act: Callable[[], Any]) -> str:
    """What RQ keeps: `rq.job_lifecycle.format_exc_info`."""
    try:
        act()
    except BaseException:
        return traceback.format_exc()
    raise AssertionError


QUOTED = "RuntimeError: Traceback (most recent call last):"
RAISED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "plain": (raising(ValueError("page 3 is blank")), "ValueError: page 3 is blank", "ValueError"),
    "pydantic": (
        lambda: User.model_validate({"id": "x"}),
        "pydantic_core._pydantic_core.ValidationError: 2 validation errors for User",
        "ValidationError",
    ),
    "sqlalchemy": (
        raising(IntegrityError(SQL)),
        f"sqlalchemy.exc.IntegrityError: {SQL.partition(chr(10))[0]}",
        "IntegrityError",
    ),
    "notes": (noted, "ValueError: page 3 is blank", "ValueError"),
    "chained": (chained, f"sqlalchemy.exc.IntegrityError: {SQL.partition(chr(10))[0]}", "IntegrityError"),
    "chained twice": (during, "ValueError: last", "ValueError"),
    "group": (grouped, "ExceptionGroup: 2 pages failed (2 sub-exceptions)", "ExceptionGroup"),
    "group of many": (
        grouped_with_parts_that_were_raised, "ExceptionGroup: 3 parts failed (3 sub-exceptions)", "ExceptionGroup",
    ),
    "after a group": (after_a_group, "LookupError: no part is left", "LookupError"),
    "group at the end": (a_group_after_another, "ExceptionGroup: at the end (1 sub-exception)", "ExceptionGroup"),
    "base group": (
        raising(BaseExceptionGroup("stop", [KeyboardInterrupt()])),
        "BaseExceptionGroup: stop (1 sub-exception)", "BaseExceptionGroup",
    ),
    "syntax": (lambda: compile("x = = 1", "bad.py", "exec"), "SyntaxError: invalid syntax", "SyntaxError"),
    "no message": (raising(ValueError()), "ValueError", "ValueError"),
    "blank message": (raising(ValueError("  ")), "ValueError", "ValueError"),
    "message begins below": (raising(ValueError("\nsecond")), "ValueError", "ValueError"),
    "colon at the end": (raising(ValueError("bad value:")), "ValueError: bad value:", "ValueError"),
    "key with line feeds": (lambda: dict[str, int]()["a\nb: c"], r"KeyError: 'a\nb: c'", "KeyError"),
    "enum": (lambda: Color(2), "ValueError: 2 is not a valid Color", "ValueError"),
    "unprintable": (raising(Silent()), "Silent: <exception str() failed>", "Silent"),
    "quotes another": (quoting, QUOTED, "RuntimeError"),
    "of a function": (local, "NotHereError: gone", "NotHereError"),
    "recursion": (deep, "RecursionError: maximum recursion depth exceeded", "RecursionError"),
    "indented text": (raising(ValueError("first\n  second\nThird: x")), "ValueError: first", "ValueError"),
    "exit": (raising(SystemExit(3)), "SystemExit: 3", "SystemExit"),
}  # fmt: skip
raised = pytest.mark.parametrize(("act", "line", "name"), RAISED.values(), ids=RAISED.keys())


@raised
def test_the_line_that_names_the_exception_is_told_in_our_words(act: Callable[[], Any], line: str, name: str) -> None:
    text = line.partition(": ")[2]
    assert failure_told(told_by_python(act), expose=True) == Failure(
        "exception", f"The job failed: {name}. {text}".rstrip()
    )


@raised
def test_where_errors_are_not_exposed_the_class_alone_is(act: Callable[[], Any], line: str, name: str) -> None:  # noqa: ARG001
    assert failure_told(told_by_python(act), expose=False) == Failure("exception", f"The job failed: {name}.")


RAISED_BY_RQ = {
    "timeout": (JobTimeoutException("Task exceeded maximum timeout value (180 seconds)"), "timeout"),
    "out of memory": (MemoryError(), "out_of_memory"),
}


@pytest.mark.parametrize(("error", "code"), RAISED_BY_RQ.values(), ids=RAISED_BY_RQ.keys())
@pytest.mark.parametrize("expose", [True, False])
def test_what_has_a_code_of_its_own_gets_it(error: BaseException, code: str, expose: bool) -> None:
    assert failure_told(told_by_python(raising(error)), expose=expose).code == code


def test_a_timeout_that_the_job_made_something_else_of_is_that() -> None:
    def act() -> None:
        try:
            raise JobTimeoutException("Task exceeded maximum timeout value (1 seconds)")
        except JobTimeoutException as error:
            raise ConnectionError("lost") from error

    assert failure_told(told_by_python(act), expose=True) == Failure(
        "exception", "The job failed: ConnectionError. lost"
    )


SENTENCES = {
    "Work-horse terminated unexpectedly; waitpid returned 9 (signal 9); ": "killed",
    "Work-horse process was terminated unexpectedly (waitpid returned 9)": "killed",
    "Work-horse was terminated unexpectedly (waitpid returned 11)": "killed",
    "Job was stuck in intermediate queue.": "worker_lost",
    "Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-01-02 03:04:05.678901+00:00": "worker_lost",
    "Moved to FailedJobRegistry at 2022-01-02 03:04:05.678901": "worker_lost",
    "rq.exceptions.AbandonedJobError": "worker_lost",
    "Job stopped by user, work-horse terminated.": "cancelled",
}


@pytest.mark.parametrize(("text", "code"), SENTENCES.items(), ids=[text[:30] for text in SENTENCES])
@pytest.mark.parametrize("expose", [True, False])
def test_rqs_own_sentences_are_told_in_ours(text: str, code: str, expose: bool) -> None:
    failure = failure_told(text, expose=expose)
    assert failure.code == code
    assert failure.message.startswith("The ")
    assert failure.message.endswith(".")


TORN = {
    "nothing": ("", "The job failed."),
    "blanks": (" \n\n ", "The job failed."),
    "only the line": ("ValueError: page 3 is blank\n", "The job failed: ValueError. page 3 is blank"),
    "begins in a frame": (
        'e "x.py", line 1, in f\n    secret = 1\n  File "y.py", line 2, in g\n    raise X\nmy.app.BadError: no\nmore\n',
        "The job failed: BadError. no",
    ),
    "ends in a frame": ('Traceback (most recent call last):\n  File "x.py", line 1, in f\n    secr', "The job failed."),
    "ends before the next": (
        "Traceback (most recent call last):\nValueError: a\n\n"
        "During handling of the above exception, another exception occurred:\n\n",
        "The job failed: ValueError. a",
    ),
    "a sentence": ("The flux capacitor is empty", "The flux capacitor is empty"),
}


@pytest.mark.parametrize(("text", "message"), TORN.values(), ids=TORN.keys())
def test_what_is_left_of_a_traceback_is_told(text: str, message: str) -> None:
    assert failure_told(text, expose=True) == Failure("exception", message)


@pytest.mark.parametrize("text", ["password: hunter2", "hunter2", "s3cret.key", "Traceback: no", "/srv/x: denied"])
def test_text_that_names_no_exception_stays_hidden(text: str) -> None:
    assert failure_told(text, expose=False) == Failure("exception", "The job failed.")


@given(st.text(), st.booleans())
def test_any_text_is_told_in_one_short_line(text: str, expose: bool) -> None:
    message = failure_told(text, expose=expose).message
    assert message
    assert "\n" not in message
    assert len(message) <= 500


def test_a_long_line_is_cut() -> None:
    message = failure_told(told_by_python(raising(ValueError("x" * 100_000))), expose=True).message
    assert len(message) == len("The job failed: ValueError. ") + 500 - len("ValueError: ")
    assert failure_told("a." * 100_000 + "E", expose=False).code == "exception"
