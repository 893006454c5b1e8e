"""`AsyncClient` and `AsyncJob`, which are awaited."""

from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx2

from pollable.client import flows, requests
from pollable.client.address import Address
from pollable.client.answers import outcome
from pollable.client.async_carrying import AsyncCarrier
from pollable.client.requests import Options
from pollable.client.snapshot import Snapshot

T = TypeVar("T")


class AsyncClient:
    """A service at an address, as one caller, in one event loop. Close it, or use it in an `async with`.

    Without `url` and `token` those of the environment are taken: POLLABLE_URL, POLLABLE_TOKEN. Raises ValueError for
    what is no address or token. A `transport` of httpx2 carries the requests in place of the network.

    A request that was not answered, or answered with 408, 429 or 5xx, is sent again, twice at most; every submit and
    rerun has an idempotency key, so that this makes no second job. All methods of it and of its jobs raise `Refused`,
    `Redirected` and `Unreachable`.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._carrier = AsyncCarrier(Address.of(url, token), transport)

    def __repr__(self) -> str:
        return f"AsyncClient({self._carrier.address.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._carrier.http.aclose()

    @property
    def last_headers(self) -> Mapping[str, str]:
        """The headers of the last answer that came, to whichever task; names are in lower case."""
        return self._carrier.last.headers if self._carrier.last else {}

    async def submit(self, type: str, payload: object, **options: Unpack[Options]) -> "AsyncJob":
        """Submit a job of the type; `payload` is whatever msgspec writes as JSON."""
        job = await self._carrier.run(flows.submitted(requests.order(type, payload, options)))
        return AsyncJob(self._carrier, job.id)

    def job(self, job_id: str) -> "AsyncJob":
        """The job of that id, which is not asked for yet. Raises ValueError for what can be no id."""
        return AsyncJob(self._carrier, job_id)

    @overload
    async def run(
        self, type: str, payload: object, *, as_: type[T], timeout: float | None = None, **options: Unpack[Options]
    ) -> T: ...
    @overload
    async def run(
        self, type: str, payload: object, *, as_: Any = Any, timeout: float | None = None, **options: Unpack[Options]
    ) -> Any: ...
    async def run(
        self,
        type: str,
        payload: object,
        *,
        as_: Any = Any,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Any:
        """Submit a job and wait for its result: `submit` and `AsyncJob.result` in one, with all that they raise."""
        order = requests.order(type, payload, options)
        return outcome(await self._carrier.run(flows.ran(order, timeout_s=timeout)), of=as_)

    def jobs(
        self,
        *,
        status: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Snapshot]:
        """The caller's jobs, newest first, without their results; each page is asked for when it is reached."""
        return self._carrier.tell(flows.listed(status, type, labels or {}))

    def events(self, job: "AsyncJob | str") -> AsyncIterator[Snapshot]:
        """The job as it is, and again after each change of its state or progress, until it has ended.

        From the service's stream of events where there is one, else by asking as often as it says.
        """
        return self._carrier.tell(flows.changes(job if isinstance(job, str) else job.id))


class AsyncJob:
    """A job of a client; `id` is all that has to be kept of it."""

    def __init__(self, carrier: AsyncCarrier, job_id: str) -> None:
        requests.job_path(job_id)
        self._carrier = carrier
        self.id = job_id

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    async def status(self) -> Snapshot:
        """The job as it is now."""
        return await self._carrier.run(flows.seen(self.id))

    async def wait(self, timeout: float | None = None) -> Snapshot:
        """The job once it has ended, however.

        Goes on while the service is not reached, or answers 408, 429, 502, 503 or 504. Raises `TimedOut` after so many
        seconds; the job then goes on.
        """
        return await self._carrier.run(flows.ended(self.id, timeout_s=timeout))

    @overload
    async def result(self, timeout: float | None = None, *, as_: type[T]) -> T: ...
    @overload
    async def result(self, timeout: float | None = None, *, as_: Any = Any) -> Any: ...
    async def result(self, timeout: float | None = None, *, as_: Any = Any) -> Any:
        """What the job returned, once it has ended: as JSON has it, or as the type `as_`.

        Waits as `wait` does. Raises `JobFailed`, `JobCancelled`, `JobExpired`, `TimedOut`, and
        `msgspec.ValidationError` for a result that is no `as_`.
        """
        return outcome(await self.wait(timeout), of=as_)

    async def cancel(self) -> Snapshot:
        """Ask for its cancellation; a running job is still `running` until it has been stopped.

        Raises `Refused` with the code `wrong_state` for one that ended otherwise.
        """
        return await self._carrier.run(flows.cancelled(self.id))

    async def rerun(self) -> "AsyncJob":
        """Run an ended job again, as a new job."""
        return AsyncJob(self._carrier, (await self._carrier.run(flows.rerun(self.id))).id)
