"""Rules for deposits and electronic transfers: Regulations E and DD, deposit insurance."""

from __future__ import annotations

from pollable.examples.rules.rule import CREDIT, DEPOSIT, RATE, rule

RULES = (
    rule(
        "p1",
        "Provisional credit withheld",
        "An error that is not resolved within 10 business days calls for provisional credit while the inquiry goes on; "
        "the text makes the customer wait for its end.",
        cites="12-cfr-1005.11",
        pattern=r"provisional(?:ly)? credit~\b(?:cannot|can not|can't|will not|won't|"
        r"unable|only (?:after|once)|until)\b"
        r"|\b(?:cannot|will not|won't|unable to)~(?:provisional(?:ly)? credit|credit your account)",
    ),
    rule(
        "p1",
        "Conditions on opening an error inquiry",
        "A notice of error, given by word of mouth, is enough to begin; a police report, an affidavit or a talk with "
        "the merchant may not be demanded first.",
        cites="12-cfr-1005.11",
        pattern=r"\b(?:must|required to|need to|have to)~\b(?:police report|merchant|affidavit|notari[sz]ed)\b~"
        r"\b(?:before|prior to)\b|\bbefore we (?:can )?(?:investigate|review|open|begin)\b~\b(?:must|need)\b",
    ),
    rule(
        "p1",
        "Liability for unauthorized transactions overstated",
        "Liability for unauthorized transfers and card charges is capped by law and cannot be widened by agreement.",
        cites="12-cfr-1005.6 12-cfr-1026.12",
        pattern=r"\b(?:liable|responsible) for (?:all|any|every)\b~"
        r"\b(?:transactions?|transfers?|charges|losses)\b",
        about=r"unauthori[sz]ed|fraud|stolen|lost card",
    ),
    rule(
        "p1",
        "Claim denied for carelessness",
        "A consumer's negligence, such as a PIN written on the card, does not raise liability for unauthorized "
        "transfers.",
        cites="12-cfr-1005.6",
        pattern=r"(?:negligen\w+|careless\w*|wrote down|written down|shared)~\b(?:PIN|password|passcode)\b~"
        r"\b(?:liable|responsible|denied|deny|decline\w*|not reimburse|not refund)",
    ),
    rule(
        "p1",
        "Credit conditional on automatic payment",
        "Repayment by preauthorized electronic transfer may be rewarded, but not required as a condition of credit.",
        cites="12-cfr-1005.10",
        pattern=r"\b(?:must|required?|requires|condition)\b~\b(?:auto-?pay|"
        r"automatic (?:debits?|payments?|withdrawals?)|preauthori[sz]ed (?:debits?|transfers?|payments?))",
        about=CREDIT,
    ),
    rule(
        "p2",
        "Overdraft service without opt-in",
        "Fees on ATM and one-time debit card overdrafts need the customer's opt-in, of which the text says nothing.",
        cites="12-cfr-1005.17",
        pattern=r"\boverdraft (?:protection|coverage|services?|privilege)",
        unless=r"\bopt(?:s|ed|ing)?[ -]in\b|affirmative(?:ly)? consent",
    ),
    rule(
        "p2",
        "Gift card expires too soon",
        "The funds of a gift card may not expire within five years of its issue or its last load.",
        cites="12-cfr-1005.20",
        pattern=r"\bgift cards?\b~\b(?:expires?|valid|good|redeem\w*)\b~"
        r"\b(?:(?:[1-4]|one|two|three|four) years?|(?:[1-5]?\d|six|nine|twelve|eighteen) months?)\b",
    ),
    rule(
        "p1",
        "Deposit insurance claimed for an investment",
        "Securities, annuities, insurance and crypto-assets are not insured by the FDIC and may not be called so.",
        cites="12-cfr-328.102",
        pattern=r"\b(?:crypto\w*|bitcoin|stocks?|mutual funds?|annuit\w+|securities|investments?)\b~"
        r"\bFDIC[ -](?:insur\w+|protect\w+|backed)"
        r"|\bFDIC[ -](?:insured|protected|backed)~\b(?:crypto\w*|bitcoin|mutual funds?|annuit\w+|investments?)\b",
        unless=r"\bnot (?:a deposit|FDIC|insured by)",
    ),
    rule(
        "p2",
        "Official advertising statement missing",
        "An insured bank's advertisement for a deposit account carries Member FDIC or one of its accepted forms.",
        cites="12-cfr-328.6",
        pattern=r"\b(?:savings|checking|deposit|money market) accounts?\b|\bcertificates? of deposit\b"
        r"|\bfree checking\b",
        unless=r"\bmember (?:of the )?(?:FDIC|federal deposit)|\bFDIC[ -]insured\b|\bNCUA\b",
    ),
    rule(
        "p1",
        "Account called free despite a fee",
        "An account may not be called free if a maintenance or activity fee, or a fee below a balance, may be imposed.",
        cites="12-cfr-1030.8",
        pattern=r"\b(?:free|no[ -]cost|fee[ -]free)\b~\b(?:checking|savings|accounts?)\b",
        about=r"\b(?:maintenance|monthly|service|activity|minimum balance) (?:service )?(?:fee|charge)",
    ),
    rule(
        "p2",
        "Yield not stated as an APY",
        "A rate of return on a deposit is stated as an annual percentage yield.",
        cites="12-cfr-1030.8",
        pattern=rf"\b(?:earn\w*|yields?|interest|pays?|paying)\b~{RATE}",
        about=DEPOSIT,
        unless=r"\bAPY\b|annual percentage yield|\bAPR\b",
    ),
    rule(
        "p3",
        "Annual percentage yield without its conditions",
        "An APY comes with the minimum balance, the time for which it is offered, and whether it may change.",
        cites="12-cfr-1030.8",
        pattern=rf"{RATE} (?:APY\b|annual percentage yield)",
        unless=r"\bminimum (?:balance|deposit|opening)|\bas of\b|\bmay change\b|\bsubject to change\b|\bvariable\b",
    ),
    rule(
        "p2",
        "Bonus without its conditions",
        "A bonus for opening an account states the balance, the time and the conditions that earn it.",
        cites="12-cfr-1030.8",
        pattern=r"\$ ?\d[\d,]* (?:cash |welcome )?(?:bonus|reward|gift)\b|\b(?:bonus|gift) of \$ ?\d[\d,]*",
        about=DEPOSIT,
        unless=r"\bdirect deposits?\b|\bminimum (?:balance|deposit)|\bwithin \d+ days\b|\bqualifying\b",
    ),
)
