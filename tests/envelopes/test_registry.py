"""Envelopes by name."""

import pytest

from service.envelopes import load
from service.errors import SettingsError
from service.model import State
from tests.envelopes.jobs import job


def test_a_seventh_envelope_is_one_module_named_by_its_dotted_path() -> None:
    compact = load(["plain", "tests.envelopes.compact"])["compact"]
    assert compact.render(job(State.SUCCEEDED, result=b"[1]")) == b'{"s":"s","r":[1]}'
    assert compact.location("abc") == "/c/abc"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param(["nowhere.compact"], "cannot be imported: ModuleNotFoundError", id="no such module"),
        pytest.param(["plane"], "cannot be imported", id="misspelled"),
        pytest.param(["service.ids"], "has no Envelope", id="a module without one"),
        pytest.param(["plain", "plain"], "two envelopes", id="named twice"),
    ],
)
def test_what_is_no_envelope_stops_the_start(names: list[str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load(names)
