"""Every no of the service, as the client raises it: with the code, the words and the place that the service gave."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pollable.client import Client, JobExpired, Refused
from tests.clients.ours.between import Between
from tests.clients.ours.conftest import Make
from tests.clients.ours.test_calls import has_expired
from tests.clients.people import token
from tests.system.running import until

NEVER_WAS = "01a201da-f176-747a-ae0d-6318d7ea3dd2"


class No(msgspec.Struct, frozen=True):
    """What a call is refused with."""

    call: Callable[[Client], object]
    status: int
    code: str
    detail: str
    path: str | None = None
    token: str | None = "of the caller"


def delayed(client: Client) -> Any:
    return client.submit("nap", 1, delay=600)


def expired(client: Client) -> Any:
    job = client.submit("nap", 0)
    job.wait(timeout=30)
    until(lambda: has_expired(job))
    return job


REFUSALS = {
    "no token": No(lambda client: client.submit("nap", 0), 401, "unauthenticated", "", token=None),
    "a bad token": No(lambda client: client.submit("nap", 0), 401, "invalid_token", "", token="eyJ.no.token"),
    "a token for reading": No(lambda client: client.submit("nap", 0), 403, "insufficient_scope", "", token="read"),
    "no such type": No(lambda client: client.submit("knit", 0), 404, "unknown_job_type", "knit"),
    "no such job": No(lambda client: client.job(NEVER_WAS).status(), 404, "job_not_found", ""),
    "an id that is none": No(lambda client: client.job("a b?c#d%2Fü").status(), 404, "job_not_found", ""),
    "an id with a slash": No(lambda client: client.job("a/b").status(), 404, "not_found", ""),
    "a live job's rerun": No(lambda client: delayed(client).rerun(), 409, "wrong_state", "scheduled"),
    "an expired job": No(lambda client: expired(client).status(), 410, "job_expired", ""),
    "too much": No(lambda client: client.submit("nap", "x" * 300_000), 413, "payload_too_large", "262144"),
    "a payload that does not fit": No(
        lambda client: client.submit("nap", "long"), 422, "invalid_payload", "Expected `float`, got `str`", "$.payload"
    ),
    "a queue that there is not": No(
        lambda client: client.submit("nap", 0, queue="no"), 422, "invalid_payload", "The queue must be", "$.queue"
    ),
    "a label's value": No(
        lambda client: client.submit("nap", 0, labels={"n": 5}),  # type: ignore[dict-item] # that is what is refused
        422,
        "invalid_payload",
        "Expected `str`, got `int`",
        "$.labels[...]",
    ),
    "a key used twice": No(
        lambda client: [client.submit("nap", n, delay=600, idempotency_key="k") for n in range(2)],
        422,
        "idempotency_key_reused",
        "",
    ),
    "a state that there is not": No(lambda client: next(client.jobs(status="done")), 400, "invalid_parameter", "done"),
}


@pytest.mark.parametrize("no", REFUSALS.values(), ids=REFUSALS)
def test_a_no_is_raised_as_the_service_says_it(make: Make, way: Between, no: No) -> None:
    own = token(f"refused-{next(_numbers)}")
    given = {"of the caller": own, "read": token("reader", scope="jobs:read"), None: ""}.get(no.token, no.token)
    client = make(way.url, given)
    with pytest.raises(JobExpired if no.status == 410 else Refused) as raised:
        no.call(client)
    refused = raised.value
    assert (refused.status, refused.code, refused.path) == (no.status, no.code, no.path)
    if no.code != "invalid_parameter":
        assert no.detail in refused.detail
    # Nothing of what was answered is lost.
    assert refused.problem["title"]
    assert refused.problem["status"] == no.status
    assert refused.problem["detail"] == refused.detail
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["x-request-id"]
    assert str(refused) == f"{no.status} {no.code}: {refused.detail}"


def test_no_refusal_shows_the_token(make: Make, way: Between) -> None:
    secret = token("secretive", lifetime_s=-100)
    client = make(way.url, secret)
    with pytest.raises(Refused) as raised:
        client.submit("nap", 0)
    assert secret not in repr(raised.value) + str(raised.value) + repr(client) + repr(raised.value.problem)


_numbers = iter(range(1_000_000))
