"""What the client does when all is not well: what it sends again, how soon, how often, and what it never does."""

import time
from itertools import pairwise

import pytest

from pollable.client import Client, JobExpired, Redirected, Refused, TimedOut, Unreachable
from pollable.client.patience import pauses
from tests.clients.ours.between import Between, Fault, answers, between, cuts, drops, loses, takes
from tests.clients.ours.conftest import Make
from tests.clients.people import TEXT, token
from tests.system.running import free_port

# Their result is kept for minutes.
TEXTS = {"text": TEXT, "questions": 1}
AWAY = b'{"type":"about:blank","title":"Away","status":503,"detail":"Redis is away.","code":"store_unavailable"}'


def away(status: int = 503, *, retry_after: str = "0") -> Fault:
    return answers(status, AWAY, retry_after=retry_after, content_type="application/problem+json")


PASSING = {
    "408": answers(408, retry_after="0"),
    "429": away(429),
    "500": answers(500, retry_after="0"),
    "502": answers(502, retry_after="0"),
    "503": away(),
    "504": answers(504, retry_after="0"),
    "dropped": drops,
    "cut": cuts,
    "not ours": answers(200, retry_after="0"),
}
"""What goes wrong with a request that may go well the next time."""


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_request_is_sent_three_times_and_a_submit_makes_one_job(client: Client, way: Between, fault: Fault) -> None:
    way.fail(fault, fault, at="POST /jobs")
    job = client.submit("nap", 1, delay=600)
    assert [each.id for each in client.jobs()] == [job.id]
    keys = [asked.headers["idempotency-key"] for asked in way.took("POST /jobs")]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_each_submit_and_each_rerun_has_a_key_of_its_own(client: Client, way: Between) -> None:
    job = client.submit("nap", 1, delay=600)
    client.submit("nap", 1, delay=600)
    job.cancel()
    job.rerun()
    job.rerun()
    assert len({asked.headers.get("idempotency-key") for asked in way.took("POST") if "cancel" not in asked.path}) == 4


def test_the_fourth_time_is_the_callers(client: Client, way: Between) -> None:
    way.fail(*[away()] * 3)
    with pytest.raises(Refused, match=r"503 store_unavailable: Redis is away\.") as raised:
        client.submit("nap", 0)
    assert (raised.value.status, raised.value.code, raised.value.detail) == (503, "store_unavailable", "Redis is away.")
    assert len(way.asked) == 3
    way.fail(*[drops] * 3)
    with pytest.raises(Unreachable, match=way.url):
        client.job("x").status()
    assert len(way.asked) == 6


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 415, 422])
def test_a_plain_no_is_not_asked_again(client: Client, way: Between, status: int) -> None:
    way.fail(away(status))
    with pytest.raises(JobExpired if status == 410 else Refused) as raised:
        client.submit("nap", 0)
    assert raised.value.status == status
    assert raised.value.headers["content-type"] == "application/problem+json"
    assert len(way.asked) == 1


def test_a_proxys_page_has_no_code(client: Client, way: Between) -> None:
    way.fail(answers(404))
    with pytest.raises(Refused) as raised:
        client.submit("nap", 0)
    assert (raised.value.code, raised.value.path, raised.value.problem) == (None, None, {})
    assert raised.value.detail == f"{way.url}/jobs answers 404 Not Found."


def test_as_long_is_waited_as_the_service_says(client: Client, way: Between) -> None:
    way.fail(away(429, retry_after="2"))
    client.submit("nap", 1, delay=600)
    first, second = way.asked
    assert 2 <= second.at - first.at < 4


def test_without_a_word_from_the_service_the_pauses_grow(client: Client, way: Between) -> None:
    way.fail(drops, answers(503))
    client.submit("nap", 1, delay=600)
    first, second = [later.at - earlier.at for earlier, later in pairwise(way.asked)]
    assert 0.75 <= first < 1.5
    assert 1.1 <= second < 2.5


def test_pauses_grow_from_one_second_to_ten_and_no_two_callers_keep_step() -> None:
    rhythm, other = pauses(), pauses()
    mine, theirs = [next(rhythm) for _ in range(12)], [next(other) for _ in range(12)]
    assert mine != theirs
    for pause_s, most_s in zip(mine, [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, *[10] * 6], strict=True):
        assert 0.75 * most_s <= pause_s <= most_s


def test_who_is_told_to_stay_away_for_long_hears_of_it_at_once(client: Client, way: Between) -> None:
    way.fail(away(retry_after="3600"))
    began = time.monotonic()
    with pytest.raises(Refused) as raised:
        client.submit("nap", 0)
    assert raised.value.retry_after_s == 3600
    assert time.monotonic() - began < 5


def test_a_run_does_not_outlast_its_timeout_to_submit(client: Client, way: Between) -> None:
    way.fail(away(retry_after="30"))
    began = time.monotonic()
    with pytest.raises(Refused, match="store_unavailable"):
        client.run("nap", 0, timeout=3)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("fault", [loses, cuts], ids=["lost", "cut"])
def test_what_was_done_though_its_answer_was_lost_is_not_done_again(client: Client, way: Between, fault: Fault) -> None:
    way.fail(fault, at="POST /jobs")
    job = client.submit("nap", 1, delay=600)
    way.fail(fault, at="/cancel")
    assert job.cancel().state == "cancelled"
    way.fail(fault, at="/rerun")
    again = job.rerun()
    assert [each.id for each in client.jobs()] == [again.id, job.id]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(client: Client, way: Between, status: int) -> None:
    with between(way.url) as elsewhere:
        way.fail(*[answers(status, location=f"{elsewhere.url}/jobs")] * 4)
        with pytest.raises(Redirected, match=f"{elsewhere.url}/jobs") as raised:
            client.submit("nap", 0)
        for job in (client.job("x").status, client.job("x").wait, client.jobs().__next__):
            with pytest.raises(Redirected):
                job()
        assert (raised.value.status, raised.value.location) == (status, f"{elsewhere.url}/jobs")
        assert elsewhere.asked == []
    assert len(way.asked) == 4


def test_nobody_at_the_address_is_told_with_the_address(make: Make) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=url):
        make(url).submit("nap", 0)


def test_a_wait_goes_on_through_all_that_passes(client: Client, way: Between) -> None:
    job = client.submit("generate_assessment", TEXTS)
    way.fail(*[away(status) for status in (503, 429, 502, 504, 408, 503, 503)], drops, cuts, away(429), at="GET")
    assert job.result(timeout=60)["mcqs"]
    assert len(way.took("GET")) >= 11


def test_a_wait_bears_another_error_twice_in_a_row(client: Client, way: Between) -> None:
    broken = answers(500, retry_after="0")
    job = client.submit("generate_assessment", TEXTS)
    way.fail(broken, broken, away(), at="GET")
    # It is the third failure in a row, but no third error.
    assert job.result(timeout=60)["mcqs"]
    way.fail(broken, broken, broken, at="GET")
    with pytest.raises(Refused) as raised:
        job.wait(timeout=60)
    assert raised.value.status == 500


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_wait_ends_with_a_plain_no(client: Client, way: Between, status: int) -> None:
    job = client.submit("nap", 1, delay=600)
    way.fail(away(), away(status), at="GET")
    with pytest.raises(Refused) as raised:
        job.wait(timeout=60)
    assert raised.value.status == status
    assert len(way.took("GET")) == 2


HOPELESS = {
    "refusing": away(),
    "refusing for long": away(retry_after="30"),
    "silent": takes(8),
    "dropping": drops,
}


@pytest.mark.parametrize("fault", HOPELESS.values(), ids=HOPELESS)
def test_a_wait_ends_in_time_whatever_the_service_does(client: Client, way: Between, fault: Fault) -> None:
    job = client.submit("nap", 1, delay=600)
    way.fail(*[fault] * 1000, at="GET")
    began = time.monotonic()
    with pytest.raises(TimedOut, match="could not be seen") as raised:
        job.result(timeout=2)
    assert 2 <= time.monotonic() - began < 5
    assert isinstance(raised.value.__cause__, Refused | Unreachable)
    assert raised.value.job is None
    # Who is told to stay away does, also at the deadline.
    assert fault is not HOPELESS["refusing for long"] or len(way.took("GET")) == 1


def test_an_answer_that_takes_its_time_is_waited_for(client: Client, way: Between) -> None:
    way.fail(takes(3), at="POST")
    assert client.submit("nap", 0).result(timeout=30) == "rested"
    assert len(way.took("POST")) == 1


def test_a_proxy_of_the_environment_is_not_asked_for_this_host(
    make: Make, way: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert make(way.url, token("behind a proxy")).submit("nap", 1, delay=600).status().state == "scheduled"
