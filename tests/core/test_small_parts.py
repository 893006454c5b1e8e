"""Model, serializer, keys and scripts: the small parts that the rest stands on."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.serializers import Serializer, resolve_serializer

from service import keys, scripts
from service.model import FINAL_STATES, STATE_OF_RQ_STATUS, State
from service.serializer import JSON

texts = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)
SCRIPTS = ("submit", "read", "claim", "renew", "complete", "cancel", "delete", "reap", "pop", "limit")


def test_every_status_of_rq_has_a_state_and_no_other_word_has() -> None:
    assert set(STATE_OF_RQ_STATUS) == {status.value for status in JobStatus}


def test_what_rq_calls_ended_is_final_and_nothing_else() -> None:
    ended = {word for word, state in STATE_OF_RQ_STATUS.items() if state.is_final}
    assert ended == {"finished", "failed", "stopped", "canceled"}
    assert {state for state in State if state.is_final} == FINAL_STATES


def test_rq_resolves_our_serializer_by_its_name() -> None:
    assert resolve_serializer("service.serializer.JSON") is JSON
    assert isinstance(JSON, Serializer)


@given(json_values)
def test_the_serializer_gives_back_what_it_got(value: object) -> None:
    assert JSON.loads(JSON.dumps(value)) == value


def test_the_serializer_loads_no_pickle() -> None:
    with pytest.raises(ValueError, match="JSON"):
        JSON.loads(b"\x80\x04N.")


def test_our_key_of_rqs_hash_is_rqs_own(redis_client: Redis) -> None:
    assert keys.rq_job("x") == RQJob("x", connection=redis_client).key


def test_every_builder_gives_a_key_of_its_own_under_our_prefix() -> None:
    built = [
        keys.record("x"), keys.leases(), keys.pending("x"), keys.owner("x"), keys.idempotency("x", "y"),
        keys.limit("x", "y"), keys.token("x"),
    ]  # fmt: skip
    assert len(set(built)) == len(built)
    assert all(key.startswith("pollable:") for key in built)


@pytest.mark.parametrize("name", SCRIPTS)
def test_redis_takes_every_script(name: str, redis_client: Redis) -> None:
    assert redis_client.script_load(scripts.load(name))


def test_a_script_comes_with_the_parts_that_it_needs() -> None:
    assert scripts.load("claim").startswith("-- What every script that writes a record shares.")
    assert scripts.load("claim").endswith(files(scripts).joinpath("claim.lua").read_text())
    assert scripts.load("pop") == files(scripts).joinpath("pop.lua").read_text()


def test_every_script_tells_its_arguments_and_its_reply() -> None:
    for name in SCRIPTS:
        header = [line for line in scripts.load(name).splitlines() if line.startswith("--")]
        assert any("ARGV:" in line for line in header), name
        assert any("Reply" in line for line in header), name


def test_there_is_no_script_that_is_not_tested_here() -> None:
    parts = {"record", "gcra"}
    there = {path.name.removesuffix(".lua") for path in files(scripts).iterdir() if path.name.endswith(".lua")}
    assert there == {*SCRIPTS, *parts}
