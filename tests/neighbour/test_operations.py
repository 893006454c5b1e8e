"""The table of docs/existing-rq.md is what every operation does to a job in every state, within five seconds."""

from pathlib import Path

import pytest

from tests.neighbour.operations import OPERATIONS
from tests.neighbour.table import STATES, Cell, measured, shown, table


@pytest.fixture(scope="module")
def told(log: Path) -> dict[Cell, str]:
    return measured(log)


@pytest.mark.parametrize("operation", [*OPERATIONS, "`rq suspend`"])
def test_an_operation_does_what_the_table_says(told: dict[Cell, str], operation: str) -> None:
    row = [line for line in table(told).splitlines() if line.startswith(f"| {operation} |")]
    assert row == [line for line in shown().splitlines() if line.startswith(f"| {operation} |")]


def test_the_document_shows_the_whole_table(told: dict[Cell, str]) -> None:
    assert shown().splitlines()[:2] == table(told).splitlines()[:2]
    assert len(shown().splitlines()) == len(OPERATIONS) + 3


def test_what_waits_runs_and_what_was_cancelled_does_not(told: dict[Cell, str]) -> None:
    assert [cell for cell, word in told.items() if "ran" in word] == []


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_what_has_ended_never_ends_otherwise(told: dict[Cell, str], state: str) -> None:
    words = {word for cell, word in told.items() if cell.state == state}
    assert state in STATES
    assert words <= {"as it was", "RQ refuses", "gone"}
