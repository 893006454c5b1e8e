"""Rules for what anyone may claim, and for calls and mail: UDAAP, the FTC, TCPA, CAN-SPAM."""

from __future__ import annotations

from pollable.examples.rules.rule import rule

RULES = (
    rule(
        "p1",
        "Guaranteed approval",
        "Nobody can be promised credit unseen: the claim misleads, and a fee in advance on top of it is prohibited.",
        cites="12-usc-5531 16-cfr-310.4",
        pattern=r"\bguaranteed (?:loan |credit )?approval\b|\bapproval (?:is )?guaranteed\b"
        r"|\beveryone (?:is |gets )?approved\b|\bno credit check\b",
    ),
    rule(
        "p1",
        "Promise of a sure return",
        "Returns and freedom from risk may not be promised where they are not certain.",
        cites="12-usc-5531",
        pattern=r"\brisk[ -]free\b|\b(?:no|zero|without) risk\b"
        r"|\bguaranteed (?:returns?|profits?|income|growth|results)\b",
    ),
    rule(
        "p3",
        "Absence of fees claimed beside a fee",
        "The text says that there are no fees, and names one elsewhere.",
        cites="12-usc-5531",
        pattern=r"\b(?:no|zero|without|never any) (?:hidden )?(?:fees|charges)\b",
        about=r"\b(?:maintenance|monthly|service|origination|late|overdraft|transfer|annual) "
        r"(?:service )?(?:fee|charge)"
        r"|\bfee of \$",
    ),
    rule(
        "p3",
        "Pressure to decide",
        "Urgency that is not real can take unreasonable advantage of a consumer.",
        cites="12-usc-5531",
        pattern=r"\bact (?:now|fast|today)\b|\blast chance\b|\bfinal notice\b|\bexpires (?:today|tonight|at midnight)\b"
        r"|\bimmediate action required\b|\bonly \d+ (?:spots?|places?) left\b",
    ),
    rule(
        "p2",
        "Free offer without its terms",
        "What a free offer depends on is stated at its outset, next to the word free.",
        cites="16-cfr-251.1",
        pattern=r"\bfree (?:gifts?|trial|month|membership|consultation|tablet|toaster|phone)\b|\babsolutely free\b",
        unless=r"\bterms apply\b|\bwith (?:the )?(?:purchase|opening)|\bthen \$|\bafter (?:the|your) (?:free )?trial\b",
    ),
    rule(
        "p2",
        "Free credit report from elsewhere",
        "An offer of a free credit report points to AnnualCreditReport.com, where federal law provides it.",
        cites="12-cfr-1022.138",
        pattern=r"\bfree (?:annual )?credit (?:reports?|scores?)\b",
        unless=r"annualcreditreport\.com|877-322-8228",
    ),
    rule(
        "p2",
        "Testimonial of an unusual result",
        "A customer's figure is taken for what customers generally achieve; say what they may generally expect.",
        cites="16-cfr-255.2",
        pattern=r"\b(?:I|we|she|he|customers?|clients?) (?:\w+ )?"
        r"(?:saved|made|earned|doubled|tripled|paid off)\b~\$? ?\d[\d,.]*",
        unless=r"\btypical(?:ly)?\b|\bgenerally expect\b|\bon average\b",
    ),
    rule(
        "p3",
        "Endorsement without its connection",
        "Payment, employment or any tie that could colour an endorsement is disclosed.",
        cites="16-cfr-255.5",
        pattern=r"\b(?:influencers?|brand ambassadors?|celebrit(?:y|ies)|bloggers?)\b"
        r"|\brecommended by\b|\bas seen on\b",
        unless=r"#ad\b|\bpaid\b|\bcompensat\w+|\bsponsored\b",
    ),
    rule(
        "p1",
        "Consent to automated calls as a condition",
        "Consent to automated marketing calls or texts may not be the price of a product.",
        cites="47-cfr-64.1200",
        pattern=r"\b(?:consent|agree)\b~\b(?:autodial\w*|automated|prerecorded|text messages?|calls)\b~"
        r"\b(?:required|condition|in order to|to (?:apply|open|purchase|qualify|receive))\b",
        unless=r"\bnot (?:a condition|required)",
    ),
    rule(
        "p2",
        "Automated messages without consent",
        "Automated marketing calls and texts need prior express written consent, of which the text says nothing.",
        cites="47-cfr-64.1200",
        pattern=r"\b(?:we'll|we will|we may)\b~\b(?:text|call|message)\b~\b(?:automat\w+|autodial\w*|prerecorded)\b"
        r"|\b(?:automated|autodialed|prerecorded) (?:marketing )?(?:calls|texts|messages)\b",
        unless=r"\b(?:consent|agree)\b",
    ),
    rule(
        "p2",
        "Opting out made hard",
        "Opting out of commercial email costs nothing and asks for no more than a reply or a visit to one page.",
        cites="16-cfr-316.5",
        pattern=r"\b(?:unsubscrib\w+|opt[ -]?out|be removed|stop receiving)\b~"
        r"\b(?:fee|log ?in|sign ?in|call|mail a|write to|account number|survey|branch)\b",
    ),
)
