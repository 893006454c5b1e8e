"""Rules for credit, from the advertisement to the collection: Regulations B, F, N, V and Z."""

from __future__ import annotations

from pollable.examples.rules.rule import CREDIT, RATE, rule

RULES = (
    rule(
        "p1",
        "Trigger term without the APR",
        "The amount of a payment, the number of payments or a down payment calls for the annual percentage rate and "
        "the terms of repayment beside it.",
        cites="12-cfr-1026.24",
        pattern=r"\$ ?\d[\d,]*(?:\.\d\d)?(?: ?(?:a|per|each|/) ?mo(?:nth)?\b| monthly\b)"
        r"|\b\d{1,3} (?:easy )?(?:monthly )?payments\b|\b(?:no|zero|\$0|\d{1,2}%) (?:money )?down\b",
        about=CREDIT,
        unless=r"\bAPR\b|annual percentage rate",
    ),
    rule(
        "p1",
        "Credit rate not stated as an APR",
        "A rate of finance charge in an advertisement is stated as an annual percentage rate.",
        cites="12-cfr-1026.24 12-cfr-1026.16",
        pattern=rf"\b(?:loans?|mortgages?|financing|refinanc\w+|credit lines?|interest rates?|borrow\w*)\b~{RATE}",
        about=CREDIT,
        unless=r"\bAPR\b|annual percentage rate|\bAPY\b",
    ),
    rule(
        "p2",
        "Introductory rate without what follows",
        "An introductory rate states, close by, when it ends and which rate applies after it.",
        cites="12-cfr-1026.16",
        pattern=rf"\b(?:intro(?:ductory)?|promotional|teaser)\b~{RATE}|\b0% (?:intro\w*|APR|interest)\b",
        unless=r"\b(?:thereafter|after that|after the (?:intro|promo)\w*|then (?:a |an )?(?:variable|standard|\d))",
    ),
    rule(
        "p1",
        "Deferred interest not explained",
        "An offer of no interest for a time says close by that interest runs from the date of purchase if the balance "
        "is not paid in full.",
        cites="12-cfr-1026.16",
        pattern=r"\bno interest (?:if paid|for \d+|until|till)|\bsame as cash\b",
        unless=r"interest will be charged|accrued interest|from the (?:date of )?purchase",
    ),
    rule(
        "p3",
        "Fixed rate for an unstated time",
        "A mortgage rate called fixed states for how long it is fixed.",
        cites="12-cfr-1026.24",
        pattern=r"\bfixed[ -]rate\b|\brates? (?:is|are|stays?) fixed\b",
        about=r"\b(?:mortgages?|home loans?|refinanc\w+)\b",
        unless=r"\b\d+[ -]years?\b|\bfor the (?:life|full term|entire term)\b",
    ),
    rule(
        "p1",
        "Mortgage relief in the government's name",
        "A mortgage advertisement may not suggest that a government program or agency stands behind the offer.",
        cites="12-cfr-1014.3",
        pattern=r"\bgovernment[ -](?:approved|endorsed|sponsored|relief|stimulus)\b"
        r"|\b(?:HUD|FHA|VA|federal government)\b~\b(?:endorse\w*|recommend\w*|has approved)\b",
        about=r"\b(?:mortgages?|home loans?|refinanc\w+|homeowners?)\b",
    ),
    rule(
        "p2",
        "Equal housing statement missing",
        "An advertisement for a loan on a dwelling carries the equal housing lender legend.",
        cites="12-cfr-338.3",
        pattern=r"\b(?:mortgages?|home loans?|home equity (?:loans?|lines?))\b",
        unless=r"\bequal (?:housing|opportunity) (?:lender|opportunity)",
    ),
    rule(
        "p1",
        "Applicants discouraged on a prohibited basis",
        "No statement may discourage applications on the basis of sex, marital status, religion, origin, age, or "
        "income from public assistance.",
        cites="12-cfr-1002.4",
        pattern=r"\b(?:no|not|only|prefer\w*|exclusively)\b(?:[^.!?]{0,40}?)\b(?:single|unmarried|married|men|women|"
        r"mothers|christians?|muslims?|jews|immigrants|native[ -]born|seniors?|welfare|public assistance|food stamps)\b"
        r"~\b(?:appl\w+|borrowers?|accepted|eligible|qualify|considered|loans?)\b",
        about=CREDIT,
    ),
    rule(
        "p1",
        "Adverse action without specific reasons",
        "That an applicant did not meet internal standards, or a qualifying score, is not a specific reason.",
        cites="12-cfr-1002.9",
        pattern=r"\b(?:did|do|does) not (?:meet|satisfy|achieve|reach) (?:our|the|a) (?:\w+ )?"
        r"(?:standards?|criteria|polic(?:y|ies)|requirements?|qualifying score|minimum score)\b"
        r"|\binternal (?:standards|polic(?:y|ies))\b",
        about=r"\b(?:declined?|denied|deny|unable to approve|cannot approve|rejected|not approved)\b",
    ),
    rule(
        "p2",
        "Prescreened offer without the opt-out notice",
        "An offer made from a credit bureau's list tells the consumer of the right to opt out of such offers.",
        cites="12-cfr-1022.54",
        pattern=r"\bpre-?(?:approved|selected|screened|qualified)\b",
        about=CREDIT,
        unless=r"\bopt[ -]?out\b|optoutprescreen",
    ),
    rule(
        "p1",
        "Threat of arrest over a debt",
        "A collector may not say or imply that a debt leads to arrest, or threaten what it cannot lawfully do.",
        cites="12-cfr-1006.18",
        pattern=r"\b(?:arrest(?:ed)?|jail(?:ed)?|prison|imprison\w*|criminal charges|warrant)\b",
        about=r"\b(?:debts?|owed?|collect\w*|past due|overdue|outstanding balance)\b",
    ),
    rule(
        "p1",
        "Threat to tell others of a debt",
        "A debt is between the collector and the consumer: employers, relatives and neighbours are not to hear of it.",
        cites="12-cfr-1006.6",
        pattern=r"\b(?:tell|inform|notify|contact|call)\b~"
        r"\byour (?:employer|boss|neighbou?rs?|family|friends|relatives)\b",
        about=r"\b(?:debts?|owed?|collect\w*|past due|overdue|outstanding balance)\b",
    ),
)
