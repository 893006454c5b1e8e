"""What holds a process up, by the words in which people complain of it, and what helps."""

from __future__ import annotations

import re

import msgspec


class Bottleneck(msgspec.Struct, frozen=True):
    """A kind of bottleneck, and its remedy; `effort` runs from 1, a week's work, to 5, a programme."""

    name: str
    title: str
    pattern: re.Pattern[str]
    remedy: str
    rationale: str
    effort: int


def _kind(name: str, title: str, pattern: str, *, remedy: str, rationale: str, effort: int) -> Bottleneck:
    return Bottleneck(name, title, re.compile(pattern, re.IGNORECASE), remedy, rationale, effort)


BOTTLENECKS = (
    _kind(
        "manual_work",
        "Work done by hand",
        r"\bmanual(?:ly)?\b|\bby hand\b|\bcopy(?:ing)?(?:[- ]and[- ]|/)past(?:e|ing)\b"
        r"|\bpaper (?:forms?|files?|copies)\b|\bprint(?:s|ed|ing)?\b|\bscan(?:s|ned|ning)?\b"
        r"|\btyp(?:e|es|ed|ing) (?:\w+ ){0,3}(?:in|into|out)\b",
        remedy="Automate the steps that are done by hand",
        rationale="The steps follow fixed rules, so that software can take them over and people decide the exceptions.",
        effort=3,
    ),
    _kind(
        "double_entry",
        "The same data entered twice",
        r"\b(?:twice|double entry|duplicat\w+|re-?key(?:s|ed|ing)?|re-?typ(?:e|es|ed|ing)|re-?enter(?:s|ed|ing)?)\b"
        r"|\bsame (?:data|information|details|numbers)\b|\bboth systems\b|\btwo systems\b",
        remedy="Enter data once and let the systems exchange it",
        rationale="Every second entry costs time and is a place where two records can part.",
        effort=3,
    ),
    _kind(
        "waiting",
        "Waiting for approvals and answers",
        r"\bwait(?:s|ed|ing)?\b|\bapprov(?:al|als|e|es|ed)\b|\bsign[- ]?offs?\b|\bdelay(?:s|ed)?\b"
        r"|\bon hold\b|\bheld up\b|\bbacklogs?\b|\bslow\b|\btakes (?:too long|forever|ages)\b",
        remedy="Approve by rule, and by people only above a limit",
        rationale="Most requests are routine; a limit with a deputy for absences keeps them from queueing.",
        effort=2,
    ),
    _kind(
        "rework",
        "Errors and rework",
        r"\berrors?\b|\bmistakes?\b|\bwrong\b|\bre-?do(?:ne|ing)?\b|\brework\w*\b|\bincorrect\w*\b|\bincomplete\b"
        r"|\bcorrect(?:s|ed|ing|ions?)\b|\bfix(?:es|ed|ing)?\b|\btypos?\b|\bcomplain(?:s|ed|ts?)?\b",
        remedy="Check input where it is entered",
        rationale="An error that is refused at the form costs seconds; one that is found by the customer costs days.",
        effort=2,
    ),
    _kind(
        "no_overview",
        "Nobody sees where things stand",
        r"\b(?:no one|nobody|don't|doesn't|do not|does not|never) knows?\b|\bunclear\b|\bno (?:overview|visibility)\b"
        r"|\bchas(?:e|es|ing)\b|\bstatus (?:updates?|calls?|emails?|meetings?)\b|\bhave to ask\b|\bcan(?:no|')t see\b"
        r"|\blost track\b|\bget(?:s|ting)? lost\b",
        remedy="Show the state of every case in one place",
        rationale="Where everybody can look, nobody has to ask, and what is stuck is seen before the customer calls.",
        effort=2,
    ),
    _kind(
        "tools",
        "Tools that do not fit together",
        r"\bspreadsheets?\b|\bexcel\b|\blegacy\b|\boutdated\b|\bold (?:system|software|tool)\b|\bcrash(?:es|ed|ing)?\b"
        r"|\b(?:not|n't) (?:talk|connect|sync|integrate\w*)\b|\bno integration\b"
        r"|\bversions? of the (?:file|sheet|document)\b",
        remedy="Replace shared files by one system of record",
        rationale="Files that are passed around have as many truths as copies, and no history.",
        effort=4,
    ),
    _kind(
        "key_people",
        "Work that hangs on single people",
        r"\bonly (?:one|two) (?:person|people|of us)\b|\bonly \w+ (?:knows|can|has)\b"
        r"|\bshort[- ]staffed\b|\bunderstaffed\b|\bovertime\b|\boverload(?:ed)?\b"
        r"|\bwhen \w+ is (?:away|sick|ill|out|on (?:holiday|leave|vacation))\b",
        remedy="Write down and share what single people know",
        rationale="A deputy and a page of instructions for each task keep the work going when somebody is away.",
        effort=1,
    ),
    _kind(
        "handovers",
        "Handovers between teams",
        r"\bhand(?:s|ed|ing)?[- ]?(?:overs?|offs?)\b|\bback and forth\b|\bbetween (?:departments|teams)\b"
        r"|\bforward(?:s|ed|ing)?\b|\bpass(?:es|ed)? (?:it |them )?(?:on|to|along)\b|\bother (?:department|team)\b",
        remedy="Give each case one owner from start to end",
        rationale="Each handover is a queue and a chance to lose something; an owner has a reason to close the case.",
        effort=2,
    ),
)
