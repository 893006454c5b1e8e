"""When a parent stops replacing its children."""

import signal

import pytest

from pollable.cli import early_deaths
from pollable.cli.early_deaths import MOST, YOUNG_S, EarlyDeaths


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(early_deaths, "time", made)
    return made


def lives(
    deaths: EarlyDeaths, clock: Clock, *, age_s: float, exit_code: int, times: int = 1, has_begun: bool = True
) -> list[bool]:
    verdicts = []
    for pid in range(times):
        deaths.born(pid)
        clock.now_s += age_s
        verdicts.append(deaths.are_too_many(pid, exit_code, has_begun=has_begun))
    return verdicts


@pytest.mark.parametrize("exit_code", [0, 1, 3, -signal.SIGSEGV, -signal.SIGABRT])
def test_those_that_die_young_in_a_row_are_too_many(clock: Clock, exit_code: int) -> None:
    verdicts = lives(EarlyDeaths(), clock, age_s=0.1, exit_code=exit_code, times=MOST)
    assert verdicts == [*[False] * (MOST - 1), True]


@pytest.mark.parametrize("exit_code", [-signal.SIGKILL, -signal.SIGTERM])
def test_those_that_were_killed_from_outside_do_not_count(clock: Clock, exit_code: int) -> None:
    assert not any(lives(EarlyDeaths(), clock, age_s=0.1, exit_code=exit_code, times=10 * MOST))


def test_one_that_lived_makes_the_next_a_first(clock: Clock) -> None:
    deaths = EarlyDeaths()
    assert not any(lives(deaths, clock, age_s=0.1, exit_code=1, times=MOST - 1))
    assert not any(lives(deaths, clock, age_s=YOUNG_S, exit_code=1))
    assert not any(lives(deaths, clock, age_s=0.1, exit_code=1, times=MOST - 1))


@pytest.mark.parametrize("age_s", [YOUNG_S, 60.0])
def test_one_that_never_came_to_its_work_died_young(clock: Clock, age_s: float) -> None:
    assert not any(lives(EarlyDeaths(), clock, age_s=age_s, exit_code=1, times=2 * MOST))
    verdicts = lives(EarlyDeaths(), clock, age_s=age_s, exit_code=1, times=MOST, has_begun=False)
    assert verdicts == [*[False] * (MOST - 1), True]
