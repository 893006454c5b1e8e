"""Envelopes by name."""

import sys
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from pollable.envelopes.envelope import Envelope
from pollable.envelopes.registry import load_envelopes
from pollable.errors import SettingsError
from pollable.model import State
from tests.envelopes.jobs import job


def test_a_seventh_envelope_is_one_module_named_by_its_dotted_path() -> None:
    compact = load_envelopes(["plain", "tests.envelopes.compact"])["compact"]
    assert compact.render(job(State.SUCCEEDED, result=b"[1]")) == b'{"s":"s","r":[1]}'
    assert compact.location("abc") == "/c/abc"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param(["nowhere.compact"], "cannot be imported: ModuleNotFoundError", id="no such module"),
        pytest.param(["plane"], "cannot be imported", id="misspelled"),
        pytest.param(["pollable.ids"], "has no Envelope", id="a module without one"),
        pytest.param(["plain", "plain"], "two envelopes", id="named twice"),
    ],
)
def test_what_is_no_envelope_stops_the_start(names: list[str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load_envelopes(names)


def test_what_only_looks_like_an_envelope_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {name: getattr(Envelope, name) for name in dir(Envelope) if not name.startswith("__")}
    lookalike = SimpleNamespace(**members, name="lookalike", read_path="/lookalike/{id}")
    monkeypatch.setitem(sys.modules, "tests.lookalike", cast(ModuleType, SimpleNamespace(envelope=lookalike)))
    with pytest.raises(SettingsError, match="has no Envelope"):
        load_envelopes(["tests.lookalike"])
