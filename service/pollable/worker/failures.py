"""The words of a failure: what a caller reads of an attempt that raised or whose process ended."""

from html import escape
from traceback import format_tb
from typing import Any

from rq.timeouts import JobTimeoutException

from pollable.catalog import Catalog
from pollable.errors import JobError, UnknownJobType
from pollable.model import failure_of_exception
from pollable.worker.claims import Claim, Ending, Outcome
from pollable.worker.encoding import ResultRefused
from pollable.worker.progress import MESSAGE_LENGTH

JOB_ERROR_LENGTH = 2_000
UNSAID = "The job failed."


class AttemptFailed(Exception):
    """What RQ stores, logs and shows in place of an exception: the caller's words, and where in the code it was.

    The exception's own words may quote a payload; frames have lines of code and no values. Markup is escaped, since
    rq-dashboard 0.9.0 shows it as it is.
    """

    def __init__(self, outcome: Outcome, error: BaseException) -> None:
        frames = "".join(format_tb(error.__traceback__))
        super().__init__(escape(f"{outcome.code}: {outcome.message}\n{frames}", quote=False))


def raised(error: BaseException, claim: Claim, *, catalog: Catalog, expose: bool, traced: bool = True) -> Outcome:
    """The outcome of an attempt that raised.

    Of an unexpected exception callers read the text if `expose`, and the log has the traceback if `traced`.
    """
    code, message = _told(error, claim, expose=expose)
    # The same result would come out the same way again.
    may_retry = not isinstance(error, ResultRefused)
    shown = error if traced or isinstance(error, JobError) else None
    return _failed(claim, code, message, catalog=catalog, may_retry=may_retry, error=shown)


def died(claim: Claim, words: str, *, catalog: Catalog) -> Outcome:
    """The outcome of an attempt whose process ended without ending it; `words` say how."""
    return _failed(claim, "killed", f"The process that ran the job ended: {words}.", catalog=catalog)


def ran_too_long(claim: Claim, *, catalog: Catalog) -> Outcome:
    """The outcome of an attempt that swallowed its timeout."""
    return _failed(claim, "timeout", _too_long(claim), catalog=catalog)


def _failed(claim: Claim, code: str, message: str, *, catalog: Catalog, **known: Any) -> Outcome:
    # A lone surrogate is no UTF-8 and could not be stored.
    safe = message.encode(errors="replace").decode()
    delay_s = _retry_delay_s(claim, catalog)
    return Outcome(kind=Ending.FAILED, code=code, message=safe, delay_s=delay_s, **{"may_retry": True, **known})


def _told(error: BaseException, claim: Claim, *, expose: bool) -> tuple[str, str]:
    if isinstance(error, JobError):
        return error.code, _text(error)[:JOB_ERROR_LENGTH] or UNSAID
    if isinstance(error, ResultRefused):
        return error.code, _text(error)
    if isinstance(error, JobTimeoutException):
        return "timeout", _too_long(claim)
    if isinstance(error, MemoryError):
        return "out_of_memory", "The job ran out of memory."
    first_line = next(iter(_text(error).strip().splitlines()), "")[:MESSAGE_LENGTH] if expose else ""
    failure = failure_of_exception(_name(type(error)), first_line)
    return failure.code, failure.message


def _too_long(claim: Claim) -> str:
    return f"The job ran longer than {claim.timeout_s} s."


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _name(kind: type[BaseException]) -> str:
    # A metaclass may give its classes another `__name__`, and `type()` takes any text for one.
    name = str(type.__dict__["__name__"].__get__(kind))
    return name if name.isidentifier() and len(name) <= MESSAGE_LENGTH else "Exception"


def _retry_delay_s(claim: Claim, catalog: Catalog) -> int:
    try:
        return catalog.get(claim.type).retry_delay_s(claim.attempt)
    except UnknownJobType:
        # Nor could this process run it.
        return 0
