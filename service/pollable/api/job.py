"""A job as one's own code reads it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, overload

import msgspec

from pollable import model
from pollable.errors import WrongState
from pollable.model import Failure, State

T = TypeVar("T")
Kind = type[T]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job as it was at one moment. Moments are UTC.

    `owner` is the name that jobs carry (`Owner`). `progress` is a percentage; None where nobody knows. `error` is why a
    failed job failed, `last_error` why the attempt before did, of a job that goes on; `stalled_reason` why one that
    should be on its way is not. `run_at` is when a scheduled one is due. `context` are the path parameters of the route
    by which it was submitted, `original_id` the job that it reruns, `encoded` the result as JSON.
    """

    id: str
    type: str
    state: State
    queue: str
    owner: str
    progress: int | None
    message: str | None
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    expires_at: datetime | None
    run_at: datetime | None
    stalled_reason: str | None
    error: Failure | None
    last_error: Failure | None
    context: Mapping[str, Any]
    labels: Mapping[str, str]
    original_id: str | None
    encoded: bytes | None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state.is_final

    @property
    def result(self) -> Any:
        """What the function returned, as JSON has it; None as long as there is nothing, and in lists."""
        return None if self.encoded is None else msgspec.json.decode(self.encoded)

    @overload
    def result_as(self, kind: Kind[T]) -> T: ...
    @overload
    def result_as(self, kind: Any) -> Any: ...
    def result_as(self, kind: Any) -> Any:
        """The result as a type: a Struct, a dataclass, `list[int]`.

        Raises `WrongState` where the job has none, `msgspec.ValidationError` for a result that is no such thing.
        """
        if self.encoded is None:
            why = self.error.message if self.error else f"The job is {self.state.value} and shows no result."
            raise WrongState(why, extra={"state": self.state.value})
        return msgspec.json.decode(self.encoded, type=kind)

    @classmethod
    def of(cls, job: model.Job) -> Self:
        """The normalized job with moments for times, and decoded."""
        same = {name: getattr(job, name) for name in _SAME}
        times: dict[str, Any] = {name: _moment(getattr(job, name)) for name in _TIMES}
        if job.state is not State.SCHEDULED:
            times["run_at"] = None
        context, labels = msgspec.json.decode(job.context), msgspec.json.decode(job.labels)
        return cls(**same, **times, context=context, labels=labels, encoded=job.result)


_TIMES = tuple(name for name in Job.__struct_fields__ if name.endswith("_at"))
_SAME = tuple(set(Job.__struct_fields__) - {*_TIMES, "context", "labels", "encoded"})


def _moment(at_ms: int | None) -> datetime | None:
    if at_ms is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        # Only other code writes such a time.
        return (datetime.max if at_ms > 0 else datetime.min).replace(tzinfo=UTC)
