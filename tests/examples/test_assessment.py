from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.assessment import Assessment, Text, generate_assessment
from pollable.examples.prose import sentences

DATABASES = (
    "A table is a set of rows that share the same columns. A transaction is a group of statements that take effect "
    "together. An index is a sorted structure with which the database finds rows. A deadlock occurs when two sessions "
    "wait for locks of each other. The planner chooses an index when the cost of a scan is high. A trigger is a "
    "function that the database runs when rows change. A view is a stored query with a name of its own. A checkpoint "
    "writes dirty pages to the disk. If a transaction fails, the database rolls back what it did."
)
HISTORY = (
    "REVOLUTION \u2013 notes\n\n"
    "\u2022 In May 1789 Louis XVI called the Estates-General to Versailles.\n"
    "\u2022 Dr. Joseph Guillotin proposed the machine that bears his name, e.g. on plaques.\n"
    "\u2022 Jean-Paul Marat was a journalist whom Charlotte Corday killed in 1793.\n"
    "\u2022 Edmund Burke attacked the events in a book of 1790.\n"
    "\u2022 Napoleon Bonaparte seized power from the Directory in 1799.\n"
    "\u2022 Thomas Paine answered the critics from the U.S. in 1791 with the \u201cRights of Man\u201d.\n"
)
WORDS = """the a of is was in to and cell cells light water plant plants Darwin Paris ATP 1859 40% 7,000 because if
    which . , ; : ? ! ( ) " ' \u201c \u201d \u2019 - \u2022 1. # Dr. e.g. U.S. I"""
ENGLISH = st.sampled_from(WORDS.split()) | st.sampled_from(["\n", "\n\n", "\t"])
NOISE = st.lists(ENGLISH, min_size=1, max_size=200).map(" ".join)
PROSE = st.lists(st.sampled_from(sentences(DATABASES + " " + HISTORY)) | NOISE, min_size=5, max_size=40).map(" ".join)


def ask(text: str, **options: Any) -> Assessment:
    return generate_assessment(Text(text, **options))


@pytest.mark.parametrize("text", [DATABASES, HISTORY], ids=["one-line", "bullets"])
def test_a_page_of_any_kind_gives_questions(text: str) -> None:
    assert len(ask(text).mcqs) >= 4


def test_the_sample_text_gives_as_many_questions_as_asked_for(photosynthesis: str) -> None:
    assert [len(ask(photosynthesis, questions=count).mcqs) for count in (1, 10, 50)] == [1, 10, 50]


@pytest.mark.parametrize("options", [2, 4, 6])
def test_every_question_has_one_right_answer_among_different_options(photosynthesis: str, options: int) -> None:
    for question in ask(photosynthesis, questions=50, options=options).mcqs:
        assert len({option.lower() for option in question.options}) == options
        assert question.options.count(question.correct_answer) == 1


def test_the_explanation_is_a_sentence_of_the_text_and_holds_the_answer(photosynthesis: str) -> None:
    text = " ".join(photosynthesis.split())
    for question in ask(photosynthesis, questions=50).mcqs:
        assert question.explanation in text
        assert question.correct_answer.lower() in question.explanation.lower()


def test_no_question_gives_its_own_answer_or_names_a_wrong_one(photosynthesis: str) -> None:
    for question in ask(photosynthesis, questions=50).mcqs:
        asked = question.question.split(": ", 1)[-1].lower().split()
        assert not {option.lower() for option in question.options} & set(asked)


def test_no_question_opens_with_a_word_that_leans_on_another_sentence(photosynthesis: str) -> None:
    openers = {question.explanation.split()[0].lower() for question in ask(photosynthesis, questions=50).mcqs}
    assert not openers & {"it", "they", "this", "these", "he", "she", "but", "and", "then", "neither"}


def test_a_definition_becomes_a_plain_question() -> None:
    (question,) = [one for one in ask(DATABASES, questions=20).mcqs if "group of" in one.explanation]
    assert question.question == "Which of these is a group of statements that take effect together?"
    assert question.bloom_level == "remember"


def test_a_year_is_asked_for_among_years() -> None:
    years = [one for one in ask(HISTORY, questions=20).mcqs if one.correct_answer.isdigit()]
    assert all(option.isdigit() and len(option) == 4 for question in years for option in question.options)


def test_a_plural_is_asked_for_among_plurals(photosynthesis: str) -> None:
    (question,) = [one for one in ask(photosynthesis, questions=50).mcqs if one.correct_answer == "stomata"]
    assert (
        question.question
        == "Which of these are tiny pores in the skin of the leaf through which gases enter and leave?"
    )
    assert all(option.endswith(("s", "a")) for option in question.options)


def test_causes_are_analyzed_and_conditions_applied(photosynthesis: str) -> None:
    levels = {one.explanation: one.bloom_level for one in ask(photosynthesis, questions=50).mcqs}
    assert {levels[one] for one in levels if " because " in one} == {"analyze"}
    assert {"remember", "understand", "apply", "analyze"} == set(levels.values())


def test_no_gap_betrays_itself_by_its_article(photosynthesis: str) -> None:
    questions = [one.question for one in ask(photosynthesis, questions=50).mcqs]
    assert not any(f" {article} _____" in one.lower() for one in questions for article in ("a", "an"))


def test_the_same_text_gives_the_same_questions(photosynthesis: str) -> None:
    assert ask(photosynthesis) == ask(photosynthesis)


def test_the_reports_run_from_sentence_to_question(photosynthesis: str, run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    ask(photosynthesis, questions=5)
    percents = [percent for percent, _ in recorder.reports]
    assert percents == sorted(percents)
    assert recorder.reports[0][1].startswith("sentence 1 of ")
    assert recorder.reports[-1] == (100, "question 5 of 5")


@pytest.mark.parametrize(
    "text",
    ["word", "Only one sentence stands here.", "\u4e2d\u6587\u3002" * 50, " \n\t", "1 2 3 4 5.", "THE TERMS. " * 40],
    ids=["word", "sentence", "chinese", "blank", "digits", "shouting"],
)
def test_a_text_that_answers_nothing_fails_with_a_code(text: str) -> None:
    with pytest.raises(JobError) as raised:
        ask(text)
    assert raised.value.code == "text_too_short"


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(min_size=1), NOISE, PROSE), st.integers(2, 6))
def test_any_text_gives_an_assessment_or_an_error_with_a_code(
    outcome_of: Callable[..., Any], text: str, options: int
) -> None:
    result = outcome_of(generate_assessment, Text(text, options=options))
    if isinstance(result, JobError):
        assert result.code == "text_too_short"
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=Assessment) == result
