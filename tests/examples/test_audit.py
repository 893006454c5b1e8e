from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.audit import Analysis, Answer, Material, Note, audit_analysis
from pollable.examples.bottlenecks import BOTTLENECKS
from pollable.examples.durations import time_spent

PROJECT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
MATERIAL = Material(
    answers=[
        Answer(
            "What slows you down?",
            "We copy every order from the mailbox into the spreadsheet by hand, about 6 hours a week. "
            "Then I have to wait three days for an approval.",
            "Ann",
        ),
        Answer("What slows you down?", "Invoices wait for the approval of the director, often for a week.", "Ben"),
        Answer("And else?", "Nobody knows where an invoice is, and the spreadsheet has errors", "Chris"),
    ],
    notes=[Note("Only Maria can release an order; when Maria is away, the approval waits.", "Order intake")],
)


def test_what_most_people_wait_for_comes_first(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    analysis = audit_analysis(MATERIAL)
    assert (analysis.sources, analysis.statements) == (4, 5)
    first = analysis.bottlenecks[0]
    assert (first.kind, first.severity, first.sources) == ("waiting", "high", 3)
    assert first.longest_wait_hours == 40
    assert analysis.opportunities[0].addresses == "waiting"


def test_hours_are_read_out_of_the_answers(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    (manual,) = [one for one in audit_analysis(MATERIAL).bottlenecks if one.kind == "manual_work"]
    assert (manual.weekly_hours, manual.evidence[0].source) == (6.0, "Ann")


def test_themes_are_what_several_people_speak_of(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    themes = {theme.name: theme.sources for theme in audit_analysis(MATERIAL).themes}
    assert themes["approval"] == 3
    assert themes["spreadsheet"] == 2


def test_every_bottleneck_has_an_opportunity_and_scores_fall(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    analysis = audit_analysis(MATERIAL)
    assert sorted(one.addresses for one in analysis.opportunities) == sorted(one.kind for one in analysis.bottlenecks)
    scores = [one.score for one in analysis.opportunities]
    assert scores == sorted(scores, reverse=True)


def test_the_analysis_id_depends_on_project_and_material_alone(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    once, again = audit_analysis(MATERIAL), audit_analysis(MATERIAL)
    other_material = audit_analysis(Material(notes=MATERIAL.notes))
    run_with(projectId="0" * 31 + "1")
    other_project = audit_analysis(MATERIAL)
    assert once == again
    assert len({once.analysis_id, other_material.analysis_id, other_project.analysis_id}) == 3
    assert once.project_id == UUID(PROJECT)


@pytest.mark.parametrize("context", [{}, {"projectId": "acme"}, {"projectId": ""}], ids=["none", "name", "empty"])
def test_without_a_projects_uuid_there_is_no_analysis(context: dict[str, str], run_with: Callable[..., Any]) -> None:
    run_with(**context)
    with pytest.raises(JobError) as raised:
        audit_analysis(MATERIAL)
    assert raised.value.code == "project_invalid"


def test_without_a_word_there_is_no_analysis(run_with: Callable[..., Any]) -> None:
    run_with(projectId=PROJECT)
    with pytest.raises(JobError) as raised:
        audit_analysis(Material(notes=[Note("  ")]))
    assert raised.value.code == "nothing_to_analyse"


@pytest.mark.parametrize(
    ("text", "weekly_hours", "longest_wait_hours"),
    [
        ("It takes 6 hours a week.", 6.0, 0.0),
        ("30 minutes per day, every day", 2.5, 0.0),
        ("We wait three days, sometimes two weeks.", 0.0, 80.0),
        ("a 2-day delay and half an hour daily", 2.5, 16.0),
        ("a day each month", 1.85, 0.0),
        ("9999 hours a day", 168.0, 0.0),
        ("nothing about time", 0.0, 0.0),
    ],
)
def test_time_is_read_as_people_say_it(text: str, weekly_hours: float, longest_wait_hours: float) -> None:
    spent = time_spent(text)
    assert (spent.weekly_hours, spent.longest_wait_hours) == (weekly_hours, longest_wait_hours)


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("We print the forms and scan them again.", "manual_work"),
        ("Everything is typed in twice.", "double_entry"),
        ("The request is on hold.", "waiting"),
        ("The address is often incorrect.", "rework"),
        ("I keep chasing people for an answer.", "no_overview"),
        ("The old system crashes.", "tools"),
        ("Only Maria can do it.", "key_people"),
        ("It goes back and forth.", "handovers"),
    ],
)
def test_a_complaint_names_its_bottleneck(complaint: str, kind: str) -> None:
    assert kind in [one.name for one in BOTTLENECKS if one.pattern.search(complaint)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.text(), max_size=5), notes=st.lists(st.text(), max_size=5))
def test_any_material_gives_an_analysis_or_an_error_with_a_code(
    outcome_of: Callable[..., Any], answers: list[str], notes: list[str], run_with: Callable[..., Any]
) -> None:
    run_with(projectId=PROJECT)
    material = Material(
        [Answer(text, text, text[:200]) for text in answers], [Note(text, text[:200]) for text in notes]
    )
    result = outcome_of(audit_analysis, material)
    if isinstance(result, JobError):
        assert result.code == "nothing_to_analyse"
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=Analysis) == result
