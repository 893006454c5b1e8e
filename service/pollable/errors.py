"""What goes wrong: the start, a job, a request. A refused request knows its HTTP status and its stable code."""

import re
from collections.abc import Mapping

_JOB_ERROR_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class SettingsError(Exception):
    """The process cannot start as it is configured; its one line says what was wrong and what would be right."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join("".join(char if char.isprintable() else " " for char in reason).split()))


class JobError(Exception):
    """Fails the job with a code that callers can branch on and a message that they may read.

    `code` is 1 to 64 lower-case letters, digits and underscores, beginning with a letter. Raises ValueError for
    another.
    """

    def __init__(self, code: str, message: str) -> None:
        if not is_job_error_code(code):
            raise ValueError(
                f"{code!r} is no error code: 1 to 64 of a-z, 0-9 and _, beginning with a letter; "
                f"the message with it was {message!r}"
            )
        super().__init__(message)
        self.code = code
        self.message = message


def is_job_error_code(code: object) -> bool:
    """Whether a `JobError` may have this code."""
    return isinstance(code, str) and _JOB_ERROR_CODE.fullmatch(code) is not None


class ServiceError(Exception):
    """A request that is refused. Envelopes render it; `detail` is for people, `code` is for programs.

    `retry_after_s` is when it may be worth asking again, None where that depends on the caller. `headers` go out
    with the refusal (`WWW-Authenticate`); `extra` are further members of a problem document (RFC 9457, section 3.2).
    """

    status = 500
    code = "internal_error"
    title = "Internal error"
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class NotRunning(ServiceError):
    """Nobody runs the application's lifespan."""

    code, title = "not_running", "The application does not run"


class InvalidJson(ServiceError):
    status, code, title = 400, "invalid_json", "The body is not JSON"


class InvalidParameter(ServiceError):
    status, code, title = 400, "invalid_parameter", "A parameter or header is missing or malformed"


class Unauthenticated(ServiceError):
    """No credentials (RFC 6750, section 3.1: the challenge then carries no error word)."""

    status, code, title = 401, "unauthenticated", "Credentials are required"


class InvalidToken(ServiceError):
    status, code, title = 401, "invalid_token", "The token is not accepted"


class InsufficientScope(ServiceError):
    status, code, title = 403, "insufficient_scope", "The token does not allow this"


class ForeignPage(ServiceError):
    status, code, title = 403, "foreign_page", "Pages of other origins may not call"


class RouteNotFound(ServiceError):
    status, code, title = 404, "not_found", "No such route"


class JobNotFound(ServiceError):
    """Never was, or is not the caller's: the two are told apart nowhere."""

    status, code, title = 404, "job_not_found", "No such job"


class UnknownJobType(ServiceError):
    status, code, title = 404, "unknown_job_type", "No such job type"


class MethodNotAllowed(ServiceError):
    status, code, title = 405, "method_not_allowed", "The route does not have this method"


class WrongState(ServiceError):
    status, code, title = 409, "wrong_state", "The job is not in a state that allows this"


class PayloadFreed(ServiceError):
    """The job ended too long ago for a rerun, or when memory was short, and its payload was given up."""

    status, code, title = 409, "payload_freed", "The job's payload is no longer kept"


class JobExpired(ServiceError):
    """The caller once had this job; its result has expired or was deleted."""

    status, code, title = 410, "job_expired", "The job has expired"


class PayloadTooLarge(ServiceError):
    status, code, title = 413, "payload_too_large", "The body is too large"


class UnsupportedMediaType(ServiceError):
    status, code, title = 415, "unsupported_media_type", "The body must be application/json"


class UnknownHost(ServiceError):
    """RFC 9110, section 7.4: meant for somebody else, or sent by a page whose name was made to point here."""

    status, code, title = 421, "unknown_host", "The service does not go by this name"


class InvalidPayload(ServiceError):
    """`extra["path"]` is where in the body it went wrong, as a JSONPath (`$.questions`)."""

    status, code, title = 422, "invalid_payload", "The body does not fit the schema"


class IdempotencyKeyReused(ServiceError):
    status, code, title = 422, "idempotency_key_reused", "The idempotency key was used with another request"


class QuotaExceeded(ServiceError):
    status, code, title = 429, "quota_exceeded", "Too many requests"


class OwnerFull(ServiceError):
    status, code, title, retry_after_s = 429, "owner_full", "Too many jobs of one owner", 10


class QueueFull(ServiceError):
    status, code, title, retry_after_s = 503, "queue_full", "The queue is full", 10


class StoreUnavailable(ServiceError):
    status, code, title, retry_after_s = 503, "store_unavailable", "The job store cannot be reached", 2


class StoreFull(ServiceError):
    status, code, title, retry_after_s = 503, "store_full", "The job store is out of memory", 5


class StoreReadOnly(StoreUnavailable):
    """Redis answers, and refuses writes: a replica, too few replicas, a disk that cannot be written."""

    code, title = "store_readonly", "The job store takes no changes"


class RecordDamaged(ServiceError):
    """Somebody else wrote into what is kept of a job, or of which jobs are whose."""

    code, title = "record_damaged", "What is kept of the jobs is damaged"


class KeysUnavailable(StoreUnavailable):
    code, title = "keys_unavailable", "The keys that tokens are checked with cannot be fetched"


class TooManyWaiting(ServiceError):
    status, code, title, retry_after_s = 503, "too_many_waiting", "As many wait as may", 5


class NoWorker(ServiceError):
    """Jobs of these queues would wait."""

    status, code, title, retry_after_s = 503, "no_worker", "A queue has no worker", 5
