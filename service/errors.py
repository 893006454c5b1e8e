"""The refusals: one tree, each error knows its HTTP status and its stable code."""

from collections.abc import Mapping


class SettingsError(Exception):
    """The process cannot start as it is configured; the message says what was wrong and what would be right."""


class ServiceError(Exception):
    """A request that is refused. Envelopes render it; `detail` is for people, `code` is for programs.

    `headers` go out with the refusal (`Retry-After`, `WWW-Authenticate`); `extra` are further members of a
    problem document (RFC 9457, section 3.2).
    """

    status = 500
    code = "internal_error"
    title = "Internal error"

    def __init__(
        self, detail: str, *, headers: Mapping[str, str] | None = None, extra: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class InvalidJson(ServiceError):
    status = 400
    code = "invalid_json"
    title = "The body is not JSON"


class InvalidParameter(ServiceError):
    status = 400
    code = "invalid_parameter"
    title = "A parameter or header is missing or malformed"


class Unauthenticated(ServiceError):
    """No credentials (RFC 6750, section 3.1: the challenge then carries no error word)."""

    status = 401
    code = "unauthenticated"
    title = "Credentials are required"


class InvalidToken(ServiceError):
    status = 401
    code = "invalid_token"
    title = "The token is not accepted"


class InsufficientScope(ServiceError):
    status = 403
    code = "insufficient_scope"
    title = "The token does not allow this"


class RouteNotFound(ServiceError):
    status = 404
    code = "not_found"
    title = "No such route"


class JobNotFound(ServiceError):
    """Never was, or is not the caller's: the two are told apart nowhere."""

    status = 404
    code = "job_not_found"
    title = "No such job"


class UnknownJobType(ServiceError):
    status = 404
    code = "unknown_job_type"
    title = "No such job type"


class MethodNotAllowed(ServiceError):
    status = 405
    code = "method_not_allowed"
    title = "The route does not have this method"


class WrongState(ServiceError):
    status = 409
    code = "wrong_state"
    title = "The job is not in a state that allows this"


class JobExpired(ServiceError):
    """The caller once had this job; its result has expired or was deleted."""

    status = 410
    code = "job_expired"
    title = "The job has expired"


class PayloadTooLarge(ServiceError):
    status = 413
    code = "payload_too_large"
    title = "The body is too large"


class UnsupportedMediaType(ServiceError):
    status = 415
    code = "unsupported_media_type"
    title = "The body must be application/json"


class InvalidPayload(ServiceError):
    """`extra["path"]` is where in the body it went wrong, as a JSONPath (`$.questions`)."""

    status = 422
    code = "invalid_payload"
    title = "The body does not fit the schema"


class IdempotencyKeyReused(ServiceError):
    status = 422
    code = "idempotency_key_reused"
    title = "The idempotency key was used with another request"


class QuotaExceeded(ServiceError):
    status = 429
    code = "quota_exceeded"
    title = "Too many requests"


class QueueFull(ServiceError):
    status = 503
    code = "queue_full"
    title = "The queue is full"


class StoreUnavailable(ServiceError):
    status = 503
    code = "store_unavailable"
    title = "The job store cannot be reached"


class StoreFull(ServiceError):
    status = 503
    code = "store_full"
    title = "The job store is out of memory"


class KeysUnavailable(StoreUnavailable):
    code = "keys_unavailable"
    title = "The keys that tokens are checked with cannot be fetched"


class NoWorker(ServiceError):
    """Jobs of these queues would wait."""

    status = 503
    code = "no_worker"
    title = "A queue has no worker"
