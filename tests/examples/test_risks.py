from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.hazards import HAZARDS
from pollable.examples.previews import Document
from pollable.examples.risks import Dossier, RiskReport, Statement, risk_analysis

FARMS = (
    "Prices at the farm gate fall by 40 percent after each season, and this volatility is the main market risk. "
    "The villages are pretty in spring. Only one farmer in ten has a contract with a buyer. "
    "Drought could ruin the maize. Crop insurance protects most members. "
    "There is no backup of the server, and an outage would be serious."
)


def analysed(*texts: str) -> RiskReport:
    return risk_analysis(Dossier([Document(text) for text in texts]))


def test_the_risks_that_a_document_speaks_of_come_gravest_first() -> None:
    report = analysed(FARMS)
    assert [(risk.category, risk.likelihood, risk.impact) for risk in report.risks] == [
        ("market", 3, 4),
        ("technology", 3, 4),
        ("climate", 1, 5),
    ]
    assert report.level == "medium"
    assert report.risks[0].evidence == [Statement("document 1", FARMS.split(" The villages")[0])]


def test_what_is_done_about_a_risk_is_quoted_and_makes_it_less_likely() -> None:
    (bare,), (eased,) = (
        analysed("Drought threatens us.").risks,
        analysed("Drought threatens us. We insured the crop.").risks,
    )
    assert (bare.likelihood, bare.mitigations) == (3, [])
    assert (eased.likelihood, eased.mitigations) == (2, [Statement("document 1", "We insured the crop.")])


def test_what_is_lacking_is_no_remedy() -> None:
    (risk,) = analysed("The server has no backup and may fail.").risks
    assert (risk.category, risk.mitigations) == ("technology", [])


@pytest.mark.parametrize(
    ("sentence", "likelihood", "impact"),
    [
        ("Prices drop.", 3, 3),
        ("Prices might drop slightly.", 2, 2),
        ("It is highly unlikely that prices drop.", 1, 3),
        ("Prices often drop sharply.", 4, 4),
        ("Prices always drop, which bankrupts buyers.", 5, 5),
        ("A negligible drop of prices is unlikely.", 2, 1),
    ],
)
def test_the_scales_are_read_from_the_words(sentence: str, likelihood: int, impact: int) -> None:
    (risk,) = analysed(sentence).risks
    assert (risk.likelihood, risk.impact, risk.score) == (likelihood, impact, likelihood * impact)


@pytest.mark.parametrize(
    ("sentence", "category"),
    [
        ("Demand is falling.", "market"),
        ("The loan is overdue.", "finance"),
        ("Pests damage the maize.", "climate"),
        ("The shipment was delayed.", "supply"),
        ("Passwords were stolen.", "technology"),
        ("Two of the team are leaving.", "people"),
        ("A breach of privacy means a fine.", "law"),
    ],
)
def test_a_sentence_names_its_category(sentence: str, category: str) -> None:
    assert [risk.category for risk in analysed(sentence).risks] == [category]


@pytest.mark.parametrize(
    "sentence",
    [
        "The weather was fine.",
        "By default the server keeps its data.",
        "The crop has green leaves.",
        "There is a risk.",
    ],
)
def test_a_sentence_without_harm_or_without_a_topic_is_no_risk(sentence: str) -> None:
    assert analysed(sentence).risks == []


def test_every_category_is_shown_above() -> None:
    assert {hazard.name for hazard in HAZARDS} == {
        *["market", "finance", "climate", "supply", "technology", "people", "law"]
    }


def test_more_risks_make_a_higher_score_and_none_makes_none() -> None:
    one, two = analysed("Prices drop."), analysed("Prices drop.", "The loan is overdue.")
    assert 0 < one.risk_score < two.risk_score < 100
    none = analysed("The villages are pretty in spring. The market is on Monday.")
    assert (none.risk_score, none.level, none.risks) == (0, "none", [])


def test_documents_with_nothing_to_read_fail_with_a_code() -> None:
    with pytest.raises(JobError) as raised:
        analysed("  \n")
    assert raised.value.code == "nothing_to_analyse"


@settings(deadline=None)
@given(st.lists(st.text() | st.lists(st.sampled_from(FARMS.split())).map(" ".join), min_size=1, max_size=3))
def test_any_documents_give_a_report_or_an_error_with_a_code(outcome_of: Callable[..., Any], texts: list[str]) -> None:
    result = outcome_of(analysed, *texts)
    if isinstance(result, JobError):
        assert result.code == "nothing_to_analyse"
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=RiskReport) == result
