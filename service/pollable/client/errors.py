"""What a client raises: the service refused, the job did not succeed, or nobody can say in time."""

from collections.abc import Mapping
from typing import Any

from pollable.client.snapshot import Snapshot


class ClientError(Exception):
    """All of the below."""


class Refused(ClientError):
    """The service answered no.

    `status` is HTTP's; `code` is the service's word to branch on, None where something in between answered, such as a
    proxy; `detail` is for people, `path` where in the body it went wrong (`$.payload.pages`). `problem` are all members
    of the answer (RFC 9457), `headers` its headers in lower case, `retry_after_s` when to ask again.
    """

    def __init__(self, status: int, detail: str, *, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.detail = detail
        self.problem = dict(problem)
        self.headers = headers
        code, path = self.problem.get("code"), self.problem.get("path")
        self.code: str | None = code if isinstance(code, str) else None
        self.path: str | None = path if isinstance(path, str) else None
        super().__init__(f"{status} {self.code}: {detail}" if self.code else f"{status}: {detail}")

    @property
    def retry_after_s(self) -> float | None:
        return seconds(self.headers.get("retry-after"))


class JobExpired(Refused):
    """The job was the caller's once, and is no longer kept."""


class Redirected(ClientError):
    """The address is not the service's: it leads to `location`. Nothing is followed, least of all with a token."""

    def __init__(self, url: str, status: int, *, location: str | None) -> None:
        self.status = status
        self.location = location
        where = f"to {location}" if location else "to nowhere"
        super().__init__(f"{url} leads {where} ({status}). That is not followed: give the client the final address.")


class Unreachable(ClientError):
    """Nothing answers at the address, or nothing that is Pollable."""

    retry_after_s = None


class JobFailed(ClientError):
    """The job failed: `code` is for programs, `message` for people. `job` is all that is known of it."""

    def __init__(self, job: Snapshot, *, code: str, message: str) -> None:
        self.job = job
        self.code = code
        self.message = message
        super().__init__(f"Job {job.id} failed: {message} ({code})")


class JobCancelled(ClientError):
    """The job was cancelled. `job` is all that is known of it."""

    def __init__(self, job: Snapshot) -> None:
        self.job = job
        super().__init__(f"Job {job.id} was cancelled.")


class TimedOut(ClientError, TimeoutError):
    """The job `job_id` had not ended in time, and goes on. `job` is what was last seen of it, None if nothing was."""

    def __init__(self, job_id: str, timeout_s: float, *, job: Snapshot | None) -> None:
        self.job_id = job_id
        self.job = job
        seen = f"it was last seen {job.state}" if job else "it could not be seen"
        super().__init__(f"Job {job_id} had not ended after {timeout_s:g} s; {seen}.")


def seconds(retry_after: str | None) -> float | None:
    """A Retry-After in seconds. The service writes no dates, and a proxy's clock is not ours."""
    return float(retry_after) if retry_after and retry_after.isdecimal() and retry_after.isascii() else None
