import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.gaps import Comparison, Evidence, Gap, GapReport, Requirement, gap_detection
from pollable.examples.previews import Document

POLICY = """Everybody reads this policy once a year.

# Backups
Backups are made every night. They are encrypted with AES-256.
Restoring a backup has not been tested.

## Access ##
- Every employee has an account of their own
- Passwords are never shared.

## Incidents
Reports of incidents: to be defined
"""


def compared(*requirements: str, text: str = POLICY) -> list[Gap]:
    asked = [Requirement(each, f"R{at}") for at, each in enumerate(requirements, start=1)]
    return gap_detection(Comparison(asked, [Document(text, "Policy")])).findings


@pytest.mark.parametrize(
    ("requirement", "coverage"),
    [
        ("Backups must be encrypted.", "covered"),
        ("Each employee has an account of their own", "covered"),
        ("Passwords must not be shared.", "covered"),
        ("Everybody has to read the policy every year", "covered"),
        ("Backups are encrypted and kept in another building.", "partial"),
        ("Restoring backups is tested.", "partial"),
        ("Passwords are shared with the manager", "partial"),
        ("Incidents are defined and reported", "partial"),
        ("Incidents go to the authority within 72 hours", "missing"),
        ("Laptops are locked away.", "missing"),
    ],
)
def test_a_requirement_is_found_met_in_part_or_missing(requirement: str, coverage: str) -> None:
    (gap,) = compared(requirement)
    assert gap.coverage == coverage
    assert (gap.evidence is None) is (coverage == "missing")


def test_a_finding_quotes_where_it_was_found_and_names_what_is_not_there() -> None:
    assert compared("Accounts are reviewed.", "Every employee has a named account", "Restoring is tested") == [
        Gap("R1", "Accounts are reviewed.", "partial", 0.5, ["reviewed"], False, compared("Account")[0].evidence),
        Gap(
            "R2",
            "Every employee has a named account",
            "partial",
            0.67,
            ["named"],
            False,
            Evidence("Policy", "Access", "Every employee has an account of their own"),
        ),
        Gap(
            "R3",
            "Restoring is tested",
            "partial",
            1.0,
            [],
            True,
            Evidence("Policy", "Backups", "Restoring a backup has not been tested."),
        ),
    ]


def test_what_is_said_in_another_section_does_not_count() -> None:
    text = "# Backups\nThey are made daily.\n# Mail\nMail is encrypted."
    assert compared("Backups are encrypted.", text=text)[0].coverage == "partial"
    assert compared("Backups are encrypted.", text=text.replace("# Mail\n", ""))[0].coverage == "covered"


def test_the_counts_are_those_of_the_findings(run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    asked = [
        Requirement("Backups are encrypted"),
        Requirement("Restoring is tested"),
        Requirement("Laptops are locked"),
    ]
    report = gap_detection(Comparison(asked, [Document("Nothing here."), Document(POLICY)]))
    assert (report.covered, report.partial, report.missing) == (1, 1, 1)
    assert report.findings[0].evidence is not None
    assert report.findings[0].evidence.document == "document 2"
    assert recorder.reports[-1] == (100, "requirement 3 of 3")


@pytest.mark.parametrize(
    ("requirement", "text", "code"),
    [("Backups", " \n# Heading\n", "nothing_to_compare"), ("It must be.", POLICY, "requirement_unclear")],
)
def test_what_cannot_be_compared_fails_with_a_code(requirement: str, text: str, code: str) -> None:
    with pytest.raises(JobError) as raised:
        compared(requirement, text=text)
    assert raised.value.code == code


@pytest.mark.parametrize(
    "text", ["# " * 100_000 + "x", "#" + " " * 200_000 + "x", "not " * 50_000], ids=["#", " ", "not"]
)
def test_a_long_line_is_read_in_good_time(text: str) -> None:
    started = time.monotonic()
    compared("Backups are encrypted.", text=f"{text}\nBackups are made.")
    assert time.monotonic() - started < 5


PROSE = st.one_of(st.text(), st.lists(st.sampled_from(["#", "\n", *POLICY.split()]), max_size=80).map(" ".join))


@settings(deadline=None)
@given(st.lists(PROSE.filter(bool), min_size=1, max_size=3), st.lists(PROSE.filter(bool), min_size=1, max_size=3))
def test_any_documents_give_a_report_or_an_error_with_a_code(
    outcome_of: Callable[..., Any], requirements: list[str], documents: list[str]
) -> None:
    order = Comparison([Requirement(each) for each in requirements], [Document(each) for each in documents])
    result = outcome_of(gap_detection, order)
    if isinstance(result, JobError):
        assert result.code in {"nothing_to_compare", "requirement_unclear"}
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=GapReport) == result
