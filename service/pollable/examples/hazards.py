"""The words in which documents speak of risks, of how likely and how grave they are, and of what is done about them."""

from __future__ import annotations

import re

import msgspec


class Hazard(msgspec.Struct, frozen=True):
    """A category of risks: a sentence belongs to it where it names the `topic`."""

    name: str
    title: str
    topic: re.Pattern[str]


def _any(words: str) -> re.Pattern[str]:
    """Find any of the words, which are regular expressions; an underscore stands for a space."""
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b".replace("_", r"\s"), re.IGNORECASE)


HARM = _any(r"""
    risks? risky threat(?:s|ens?|ened|ening)? hazards? danger\w* vulnerab\w+ expos(?:ed|ure) los(?:e|es|ing|s|ses|t)
    fail(?:s|ed|ing|ures?)? delay(?:s|ed)? shortages? lack(?:s|ing)? volatil\w+ fall(?:s|ing)? drop(?:s|ped)?
    declin\w+ breach\w* damag\w+ disrupt\w* outages? fraud\w* default(?:s|ed)?_on penalt\w+ a_fine_of fin(?:es|ed)
    lawsuits? droughts? floods? pests? unable impassable overdue overruns? turnover leaving resign\w*
    crash(?:es|ed)? stolen
""")

HAZARDS = (
    Hazard(
        "market",
        "Markets and prices",
        _any(r"""
            markets? prices? buyers? demand competit\w+ sales customers? exports?
        """),
    ),
    Hazard(
        "finance",
        "Money and credit",
        _any(r"""
            cash credit loans? debts? budget\w* costs? funding currenc\w+ interest revenues? insolven\w+ payments?
            invoices?
        """),
    ),
    Hazard(
        "climate",
        "Weather and nature",
        _any(r"""
            droughts? floods? rain(?:s|fall)? climate weather storms? pests? diseases? harvests? crops? soil
            earthquakes? fires?
        """),
    ),
    Hazard(
        "supply",
        "Suppliers and transport",
        _any(r"""
            suppl(?:y|ies|iers?) roads? transport\w* logistics deliver\w+ shipments? storage spare_parts? vendors?
        """),
    ),
    Hazard(
        "technology",
        "Systems and data",
        _any(r"""
            systems? software servers? data backups? passwords? cyber\w* networks? computers? outages? laptops?
        """),
    ),
    Hazard(
        "people",
        "People and skills",
        _any(r"""
            staff employees? workers? teams? skills? injur\w+ strikes? turnover training health managers?
        """),
    ),
    Hazard(
        "law",
        "Law and regulation",
        _any(r"""
            laws? legal\w* regulat\w+ complian\w+ licen[cs]\w+ permits? lawsuits? courts? contracts? penalt\w+
            privacy tax(?:es)?
        """),
    ),
)

# The first that fits counts; a sentence that none fits has a 3, the middle of both scales.
LIKELIHOODS = (
    (1, _any(r"(?:highly|very|most)_unlikely remote_(?:chance|possibility) almost_never")),
    (2, _any(r"unlikely rare(?:ly)? occasional\w* seldom might could")),
    (5, _any(r"always certain(?:ly)? every_(?:day|week|month|year|season|time) already constant\w*")),
    (4, _any(r"likely probabl[ey] often frequent\w* usually repeated\w* most again_and_again")),
)
IMPACTS = (
    (1, _any(r"negligible trivial insignificant")),
    (2, _any(r"minor slight\w* small limited modest")),
    (5, _any(r"catastroph\w+ critical\w* bankrupt\w* fatal deaths? ruin\w* closure")),
    (4, _any(r"severe\w* serious\w* major significant\w* main high heav(?:y|ily) sharp\w*")),
)
MITIGATION = _any(r"""
    mitigat\w+ insur(?:e|es|ed|ance) prevent\w* reduc(?:e|es|ed|ing) back-?ups? hedg(?:e|es|ed|ing) diversif\w+
    contingenc\w+ safeguards? protect(?:s|ed|ion|ing)? monitor(?:s|ed|ing)? reserves? deput(?:y|ies) encrypt\w+
    trained guarantee(?:s|d)?
""")
DENIED = _any(r"not no never none nobody without lacks? lacking insufficient \w+n['\u2019]t")
