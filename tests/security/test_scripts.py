"""The short form of the scripts' fuzzer, and that it notices what breaks its promises."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from pollable.cli.embedded import Private
from tests.security.script_corpus import Call
from tests.security.script_fuzz import Broken, Fuzz

CALLS = 8_000


@pytest.fixture
def fuzz(emptied_redis: Private) -> Iterator[Fuzz]:
    with closing(Fuzz(emptied_redis.url, seed=15)) as made:
        yield made


def test_whatever_a_script_is_given_its_promises_hold(fuzz: Fuzz) -> None:
    assert fuzz.run(calls=CALLS) == CALLS
    answered = {told.partition(":")[0] for told in fuzz.told if told.endswith("answered")}
    assert len(answered) == 18


SPOILT = {
    "a key outside of the prefix": "redis.call('SET', 'theirs', 1, 'EX', 60)",
    "a key for ever": "redis.call('HSET', 'rq:pollable:job:x', 'state', 'failed')",
    "a job of somebody else": "redis.call('HSET', 'rq:pollable:job:' .. ARGV[1], 'state', 'cancelled')",
    "an error of Redis' own": "error('MISCONF')",
    "a loop": "local at = redis.call('TIME')[1] + 4; while redis.call('TIME')[1] + 0 < at do end",
}


@pytest.mark.parametrize("name", SPOILT)
def test_the_fuzzer_notices(fuzz: Fuzz, name: str) -> None:
    fuzz.hashes["cancel"] = fuzz.redis.script_load(SPOILT[name])
    with pytest.raises(Broken):
        _called(fuzz)


def _called(fuzz: Fuzz) -> None:
    fuzz.make(Call("cancel", (), (fuzz.bystanders[0].encode(),)))
    fuzz.look()
