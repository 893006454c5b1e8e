"""Redis under harm: what is promised holds."""

import pytest

from tests.chaos.short import REDIS, hold


@pytest.mark.parametrize("scenario", REDIS)
def test_what_is_promised_holds(scenario: str) -> None:
    hold(scenario)
