"""Whole deployments under harm: what is promised holds."""

import pytest

from tests.chaos.short import DEPLOYMENTS, hold


@pytest.mark.parametrize("scenario", DEPLOYMENTS)
def test_what_is_promised_holds(scenario: str) -> None:
    hold(scenario)
