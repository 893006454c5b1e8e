"""What a screening rule is, and how its words are written."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Priority = Literal["p1", "p2", "p3"]
# Within a sentence, over at most 80 characters; the point of 4.5 ends none.
_NEAR = r"(?:[^.!?]|\.(?=\d)){0,80}?"
RATE = r"\d{1,3}(?:\.\d+)?\s?%"
CREDIT = r"\b(?:loans?|financ\w+|mortgages?|credit|borrow\w*|lend\w*|refinanc\w+)\b"
DEPOSIT = r"\b(?:savings?|checking|deposits?|money market|certificates?|CDs?)\b"


class Rule(msgspec.Struct, frozen=True):
    """Raises a finding at every match of `pattern`, if the text speaks of `about` and nowhere says `unless`."""

    priority: Priority
    title: str
    details: str
    regulations: tuple[str, ...]
    pattern: re.Pattern[str]
    about: re.Pattern[str] | None
    unless: re.Pattern[str] | None


def _compile(text: str) -> re.Pattern[str] | None:
    spaced = text.replace(" ?", r"\s*").replace(" ", r"\s+").replace("~", _NEAR)
    return re.compile(spaced, re.IGNORECASE) if text else None


def rule(
    priority: Priority, title: str, details: str, *, cites: str, pattern: str, about: str = "", unless: str = ""
) -> Rule:
    """Write a rule; in its words a space stands for any white space, a tilde for more words of the sentence."""
    compiled = _compile(pattern)
    assert compiled
    return Rule(priority, title, details, tuple(cites.split()), compiled, _compile(about), _compile(unless))
