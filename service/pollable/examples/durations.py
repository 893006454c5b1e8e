"""How much time people say that something takes."""

from __future__ import annotations

import re

import msgspec

_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTS = {word: float(at) for at, word in enumerate(_DIGITS, start=1)}
_COUNTS |= {"a": 1.0, "an": 1.0, "half a": 0.5, "half an": 0.5, "a couple of": 2.0, "several": 3.0}
# A working day has eight hours and a working week five days.
_UNIT_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 8.0, "week": 40.0, "month": 173.0}
_TIMES_PER_WEEK = {"day": 5.0, "daily": 5.0, "week": 1.0, "weekly": 1.0, "month": 12 / 52, "monthly": 12 / 52}
_HOURS_IN_A_WEEK = 168.0
_DURATION = re.compile(
    rf"\b(?P<count>\d{{1,4}}(?:\.\d{{1,2}})?|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})[ -]"
    r"(?P<unit>minute|hour|day|week|month)s?\b(?:\s+(?:a|an|per|each|every)\s+(?P<every>day|week|month)\b"
    r"|\s+(?P<adverb>daily|weekly|monthly)\b)?",
    re.IGNORECASE,
)


class TimeSpent(msgspec.Struct, frozen=True):
    """Hours of work a week, and the longest wait in working hours; 0 where nothing is said."""

    weekly_hours: float = 0.0
    longest_wait_hours: float = 0.0


def time_spent(text: str) -> TimeSpent:
    """Add up what a statement says about time: "6 hours a week" is work, "three days" a wait."""
    weekly, longest = 0.0, 0.0
    for match in _DURATION.finditer(text):
        hours = _count(match["count"]) * _UNIT_HOURS[match["unit"].lower()]
        every = (match["every"] or match["adverb"] or "").lower()
        weekly += hours * _TIMES_PER_WEEK[every] if every else 0.0
        longest = max(longest, 0.0 if every else hours)
    return TimeSpent(round(min(weekly, _HOURS_IN_A_WEEK), 2), round(longest, 2))


def _count(text: str) -> float:
    return _COUNTS.get(text.lower()) or float(text)
