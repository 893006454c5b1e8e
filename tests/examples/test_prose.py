import pytest

from pollable.examples.prose import sentences, statements, stem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "Dr. Smith met Mr. Jones at 5 p.m. in the U.S. Senate. They spoke of fig. 3, e.g. its axis.",
            ["Dr. Smith met Mr. Jones at 5 p.m. in the U.S. Senate.", "They spoke of fig. 3, e.g. its axis."],
            id="abbreviations",
        ),
        pytest.param(
            "He lived in the U.S. The house is gone.", ["He lived in the U.S.", "The house is gone."], id="end"
        ),
        pytest.param("It costs 3.50 euros. Pay 1.5 now.", ["It costs 3.50 euros.", "Pay 1.5 now."], id="decimals"),
        pytest.param("\u201cGo!\u201d Then he left.", ["\u201cGo!\u201d", "Then he left."], id="curly-quotes"),
        pytest.param(
            "A line that\nis wrapped. Another\none.", ["A line that is wrapped.", "Another one."], id="wrapped"
        ),
        pytest.param("- First point.\n- Second point.", ["First point.", "Second point."], id="bullets"),
        pytest.param("1) First point.\n2) Second point.", ["First point.", "Second point."], id="numbers"),
        pytest.param("A Title\n\nA sentence.", ["A sentence."], id="title"),
        pytest.param("# Heading\nA sentence follows.\n===\nMore.", ["A sentence follows.", "More."], id="markdown"),
        pytest.param("", [], id="nothing"),
        pytest.param("no full stop", [], id="fragment"),
    ],
)
def test_sentences_are_cut_where_a_reader_would_cut_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_statements_keep_a_note_without_a_full_stop() -> None:
    assert statements("Too slow\n\n- no overview") == ["Too slow", "no overview"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("cells", "cell"), ("stored", "storing"), ("boxes", "box"), ("studies", "study"), ("glass", "glass")],
)
def test_inflected_forms_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)
