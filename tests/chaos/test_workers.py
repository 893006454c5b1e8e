"""Workers and horses under harm: what is promised holds."""

import pytest

from tests.chaos.short import WORKERS, hold


@pytest.mark.parametrize("scenario", WORKERS)
def test_what_is_promised_holds(scenario: str) -> None:
    hold(scenario)
