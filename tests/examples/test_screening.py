import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable.examples.regulations import REGULATIONS
from pollable.examples.rules import RULES
from pollable.examples.screening import Content, ScreenResult, screen

# One text for every rule that breaks it, and nothing but it.
BREACHES = {
    "Provisional credit withheld": "We cannot provide provisional\ncredit until our investigation is completed.",
    "Conditions on opening an error inquiry": "You must file a police report before we can investigate the error.",
    "Liability for unauthorized transactions overstated": "You are liable for all unauthorized transactions.",
    "Claim denied for carelessness": "Because you wrote down your PIN, your claim is denied.",
    "Credit conditional on automatic payment": "Borrowers must enroll in automatic payments to get this loan.",
    "Overdraft service without opt-in": "Overdraft protection covers your card for $35 each time.",
    "Gift card expires too soon": "Our gift card expires after 12 months.",
    "Trigger term without the APR": "Drive home with this car loan for $199 a month.",
    "Credit rate not stated as an APR": "Personal loans from 6.9% for everybody.",
    "Introductory rate without what follows": "Enjoy a promotional rate of 1.9% APR on purchases.",
    "Deferred interest not explained": "No interest for 18 months on every sofa.",
    "Fixed rate for an unstated time": "A fixed-rate refinance that lets you sleep. Equal Housing Lender.",
    "Mortgage relief in the government's name": "Homeowners: claim your government relief refinance.",
    "Guaranteed approval": "Guaranteed approval, whatever your history.",
    "Promise of a sure return": "A risk-free way to double your money.",
    "Absence of fees claimed beside a fee": "There are no hidden fees. A transfer fee of 3% applies.",
    "Pressure to decide": "Act now before it is too late.",
    "Deposit insurance claimed for an investment": "Your crypto wallet is FDIC insured.",
    "Official advertising statement missing": "Open a savings account this week.",
    "Equal housing statement missing": "Ask us about home loans.",
    "Account called free despite a fee": "Free checking. Member FDIC. A monthly fee of $9 applies below $500.",
    "Yield not stated as an APY": "Earn 4.5% on deposits.",
    "Annual percentage yield without its conditions": "Deposits grow at 4.5% APY here.",
    "Bonus without its conditions": "A $200 bonus when you switch your checking to us.",
    "Free offer without its terms": "Get a free gift at every branch.",
    "Free credit report from elsewhere": "Get your free credit report from us.",
    "Testimonial of an unusual result": "She saved $14,000 in one year.",
    "Endorsement without its connection": "Recommended by doctors and teachers.",
    "Applicants discouraged on a prohibited basis": "Loans only for married borrowers.",
    "Adverse action without specific reasons": "Your application was denied: you did not meet our internal standards.",
    "Prescreened offer without the opt-out notice": "You are pre-approved for our credit card.",
    "Consent to automated calls as a condition": "You agree to automated calls as a condition of service.",
    "Automated messages without consent": "We will text you automated offers.",
    "Opting out made hard": "To unsubscribe, call our branch.",
    "Threat of arrest over a debt": "Pay your debt or face arrest.",
    "Threat to tell others of a debt": "Pay what you owe, or we will contact your employer.",
}
CLEAN = [
    pytest.param("Our branch on Main Street opens at nine. Coffee is on us.", id="nothing-financial"),
    pytest.param(
        "Our savings account pays 4.10% APY as of today; the rate may change. Minimum balance $100. Member FDIC.",
        id="deposit",
    ),
    pytest.param(
        "Home loans: $1,199 a month for 360 months at 5.9% APR with 20% down. Equal Housing Lender.", id="mortgage"
    ),
    pytest.param(
        "We could not resolve your claim within 10 business days and have credited your account provisionally.",
        id="error-resolution",
    ),
    pytest.param("Overdraft coverage for ATM and debit card transactions is available if you opt in.", id="overdraft"),
]
WORDS = st.sampled_from(" ".join(BREACHES.values()).split())


@pytest.mark.parametrize("title", BREACHES)
def test_a_rule_finds_the_breach_that_it_is_for(title: str) -> None:
    assert [finding.title for finding in screen(Content(BREACHES[title])).findings] == [title]


def test_every_rule_has_a_breach_that_shows_it() -> None:
    assert sorted(BREACHES) == sorted(rule.title for rule in RULES)


@pytest.mark.parametrize("text", CLEAN)
def test_a_text_that_says_what_it_must_has_no_findings(text: str) -> None:
    result = screen(Content(text))
    assert (result.risk_score, result.findings) == (0, [])


def test_findings_come_gravest_first_and_raise_the_score() -> None:
    one, all_of_them = screen(Content("Act now.")), screen(Content("\n".join(BREACHES.values())))
    priorities = [finding.priority for finding in all_of_them.findings]
    assert priorities == sorted(priorities)
    assert 0 < one.risk_score < 50 < all_of_them.risk_score <= 100


def test_the_result_has_the_words_of_the_published_page() -> None:
    result = msgspec.to_builtins(screen(Content("No. We cannot give provisional credit yet.")))
    assert list(result) == ["type", "riskScore", "findings"]
    (finding,) = result["findings"]
    assert list(finding) == ["priority", "title", "details", "citations"]
    (citation,) = finding["citations"]
    assert citation["chunks"] == [{"text": "cannot give provisional credit", "startOffset": 7, "endOffset": 37}]
    assert sorted(citation["regulation"]) == sorted(
        ["id", "title", "authorities", "description", "sourceUrl", "category", "jurisdictions", "updatedAt"]
    )


@pytest.mark.parametrize("regulation", REGULATIONS.values(), ids=REGULATIONS)
def test_a_regulation_is_cited_by_the_address_of_its_own_section(regulation: msgspec.Struct) -> None:
    entry = msgspec.to_builtins(regulation)
    title, section = re.findall(r"^(\d+)-(?:cfr|usc)-([\d.]+)$", entry["id"])[0]
    assert entry["sourceUrl"].startswith(("https://www.ecfr.gov/current/", "https://uscode.house.gov/"))
    assert re.search(
        rf"title-?{title}\b.*section-?{re.escape(section)}(?:&|$)", entry["sourceUrl"].replace("-section", "/section")
    )


def test_every_regulation_is_cited_by_some_rule() -> None:
    assert {name for rule in RULES for name in rule.regulations} == set(REGULATIONS)


@settings(deadline=None)
@given(st.one_of(st.text(min_size=1), st.lists(WORDS, min_size=1, max_size=150).map(" ".join)))
def test_every_chunk_is_the_span_that_it_says(content: str) -> None:
    result = screen(Content(content))
    for finding in result.findings:
        for chunk in (chunk for citation in finding.citations for chunk in citation.chunks):
            assert content[chunk.start_offset : chunk.end_offset] == chunk.text
    assert msgspec.json.decode(msgspec.json.encode(result), type=ScreenResult) == result
