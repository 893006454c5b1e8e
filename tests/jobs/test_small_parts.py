"""Model, serializer, keys and scripts: the small parts that the rest stands on."""

from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.serializers import Serializer, resolve_serializer

from pollable.model import FINAL_STATES, STATE_OF_RQ_STATUS, State, rq_status_of
from pollable.serializer import JSON
from pollable.storage import keys, scripts
from tests.keyspace import rq_job

texts = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)
SCRIPTS: tuple[str, ...] = (
    "submit",
    "tally",
    "figures",
    "read",
    "list",
    "claim",
    "renew",
    "complete",
    "cancel",
    "delete",
    "reap",
    "pop",
    "limit",
    "fail",
    "announce",
    "staffing",
    "queues",
    "token",
)


def test_every_status_of_rq_has_a_state_and_no_other_word_has() -> None:
    assert set(STATE_OF_RQ_STATUS) == {status.value for status in JobStatus}


@pytest.mark.parametrize("never_ran", [True, False])
@pytest.mark.parametrize("state", State)
def test_every_state_has_the_word_of_rq_that_means_it(state: State, never_ran: bool) -> None:
    assert STATE_OF_RQ_STATUS[rq_status_of(state, never_ran=never_ran)] is state


def test_a_cancelled_job_has_the_word_that_says_whether_it_ran() -> None:
    assert rq_status_of(State.CANCELLED, never_ran=True) == "canceled"
    assert rq_status_of(State.CANCELLED, never_ran=False) == "stopped"


def test_what_rq_calls_ended_is_final_and_nothing_else() -> None:
    ended = {word for word, state in STATE_OF_RQ_STATUS.items() if state.is_final}
    assert ended == {"finished", "failed", "stopped", "canceled"}
    assert {state for state in State if state.is_final} == FINAL_STATES


def test_rq_resolves_our_serializer_by_its_name() -> None:
    assert resolve_serializer("pollable.serializer.JSON") is JSON
    assert isinstance(JSON, Serializer)


@given(json_values)
def test_the_serializer_gives_back_what_it_got(value: object) -> None:
    assert JSON.loads(JSON.dumps(value)) == value


def test_the_serializer_loads_no_pickle() -> None:
    with pytest.raises(msgspec.MsgspecError, match="JSON"):
        JSON.loads(b"\x80\x04N.")


def test_our_key_of_rqs_hash_is_rqs_own(redis_client: Redis) -> None:
    assert rq_job("x") == RQJob("x", connection=redis_client).key


def test_every_builder_gives_a_key_of_its_own_under_our_prefix() -> None:
    built = [
        keys.record("x"), keys.owner("x"),
        keys.limit("x", "y"), keys.token("x"), keys.bell("x", "y"),
    ]  # fmt: skip
    assert len(set(built)) == len(built)
    assert all(key.startswith("rq:pollable:") for key in built)


@pytest.mark.parametrize("name", SCRIPTS)
def test_redis_takes_every_script(name: str, redis_client: Redis) -> None:
    assert redis_client.script_load(scripts.source(name))


def test_a_script_comes_with_the_parts_that_it_needs_each_once_and_before_it() -> None:
    parts = {
        path.name.removesuffix(".lua"): path.read_text()
        for path in files(scripts).iterdir()
        if path.name.endswith(".lua")
    }
    needed: tuple[str, ...] = ("names", "nothing", "clock", "view", "bells", "pop")
    assert scripts.source("pop") == "".join(parts[name] for name in needed)
    needed = ("clock", "names", "view", "memory", "held", "bells", "counts", "record", "claim")
    assert scripts.source("claim") == "".join(parts[name] for name in needed)
    assert scripts.source("limit") == parts["clock"] + parts["window"] + parts["limit"]


def test_every_script_tells_its_arguments_and_its_reply() -> None:
    for name in SCRIPTS:
        header = [line for line in scripts.source(name).splitlines() if line.startswith("--")]
        assert any("ARGV:" in line for line in header), name
        assert any("Reply" in line for line in header), name


def test_there_is_no_script_that_is_not_tested_here() -> None:
    parts = {"bells", "clock", "counts", "durations", "names", "nothing", "view", "memory", "held", "record", "row"}
    parts |= {"window", "workers"}
    there = {path.name.removesuffix(".lua") for path in files(scripts).iterdir() if path.name.endswith(".lua")}
    assert there == {*SCRIPTS, *parts}
