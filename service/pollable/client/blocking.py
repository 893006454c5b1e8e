"""`Client` and `Job`, which block."""

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx2

from pollable.client import flows, requests
from pollable.client.address import Address
from pollable.client.answers import outcome
from pollable.client.carrying import Carrier
from pollable.client.requests import Options
from pollable.client.snapshot import Snapshot

T = TypeVar("T")


class Client:
    """A service at an address, as one caller. Threads may share it; close it, or use it in a `with`.

    Without `url` and `token` those of the environment are taken: POLLABLE_URL, POLLABLE_TOKEN. Raises ValueError for
    what is no address or token. A `transport` of httpx2 carries the requests in place of the network.

    A request that was not answered, or answered with 408, 429 or 5xx, is sent again, twice at most; every submit and
    rerun has an idempotency key, so that this makes no second job. All methods of it and of its jobs raise `Refused`,
    `Redirected` and `Unreachable`.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._carrier = Carrier(Address.of(url, token), transport)

    def __repr__(self) -> str:
        return f"Client({self._carrier.address.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._carrier.http.close()

    @property
    def last_headers(self) -> Mapping[str, str]:
        """The headers of the last answer that came, to whichever thread; names are in lower case."""
        return self._carrier.last.headers if self._carrier.last else {}

    def submit(self, type: str, payload: object, **options: Unpack[Options]) -> "Job":
        """Submit a job of the type; `payload` is whatever msgspec writes as JSON."""
        job = self._carrier.run(flows.submitted(requests.order(type, payload, options)))
        return Job(self._carrier, job.id)

    def job(self, job_id: str) -> "Job":
        """The job of that id, which is not asked for yet. Raises ValueError for what can be no id."""
        return Job(self._carrier, job_id)

    @overload
    def run(
        self, type: str, payload: object, *, as_: type[T], timeout: float | None = None, **options: Unpack[Options]
    ) -> T: ...
    @overload
    def run(
        self, type: str, payload: object, *, as_: Any = Any, timeout: float | None = None, **options: Unpack[Options]
    ) -> Any: ...
    def run(
        self,
        type: str,
        payload: object,
        *,
        as_: Any = Any,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Any:
        """Submit a job and wait for its result: `submit` and `Job.result` in one, with all that they raise."""
        order = requests.order(type, payload, options)
        return outcome(self._carrier.run(flows.ran(order, timeout_s=timeout)), of=as_)

    def jobs(
        self,
        *,
        status: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Snapshot]:
        """The caller's jobs, newest first, without their results; each page is asked for when it is reached."""
        return self._carrier.tell(flows.listed(status, type, labels or {}))

    def events(self, job: "Job | str") -> Iterator[Snapshot]:
        """The job as it is, and again after each change of its state or progress, until it has ended.

        From the service's stream of events where there is one, else by asking as often as it says.
        """
        return self._carrier.tell(flows.changes(job if isinstance(job, str) else job.id))


class Job:
    """A job of a client; `id` is all that has to be kept of it."""

    def __init__(self, carrier: Carrier, job_id: str) -> None:
        requests.job_path(job_id)
        self._carrier = carrier
        self.id = job_id

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def status(self) -> Snapshot:
        """The job as it is now."""
        return self._carrier.run(flows.seen(self.id))

    def wait(self, timeout: float | None = None) -> Snapshot:
        """The job once it has ended, however.

        Goes on while the service is not reached, or answers 408, 429, 502, 503 or 504. Raises `TimedOut` after so many
        seconds; the job then goes on.
        """
        return self._carrier.run(flows.ended(self.id, timeout_s=timeout))

    @overload
    def result(self, timeout: float | None = None, *, as_: type[T]) -> T: ...
    @overload
    def result(self, timeout: float | None = None, *, as_: Any = Any) -> Any: ...
    def result(self, timeout: float | None = None, *, as_: Any = Any) -> Any:
        """What the job returned, once it has ended: as JSON has it, or as the type `as_`.

        Waits as `wait` does. Raises `JobFailed`, `JobCancelled`, `JobExpired`, `TimedOut`, and
        `msgspec.ValidationError` for a result that is no `as_`.
        """
        return outcome(self.wait(timeout), of=as_)

    def cancel(self) -> Snapshot:
        """Ask for its cancellation; a running job is still `running` until it has been stopped.

        Raises `Refused` with the code `wrong_state` for one that ended otherwise.
        """
        return self._carrier.run(flows.cancelled(self.id))

    def rerun(self) -> "Job":
        """Run an ended job again, as a new job."""
        return Job(self._carrier, self._carrier.run(flows.rerun(self.id)).id)
