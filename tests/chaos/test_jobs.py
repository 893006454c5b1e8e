"""Jobs that do harm, races and time: what is promised holds."""

import pytest

from tests.chaos.short import JOBS, hold


@pytest.mark.parametrize("scenario", JOBS)
def test_what_is_promised_holds(scenario: str) -> None:
    hold(scenario)
