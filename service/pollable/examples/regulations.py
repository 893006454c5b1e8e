"""The regulations that the screening rules cite: what each asks for, and where it is published."""

from __future__ import annotations

import msgspec

_ECFR = "https://www.ecfr.gov/current"
_REG_B = f"{_ECFR}/title-12/chapter-X/part-1002/subpart-A"
_REG_E = f"{_ECFR}/title-12/chapter-X/part-1005/subpart-A"
_REG_F = f"{_ECFR}/title-12/chapter-X/part-1006/subpart-B"
_REG_Z = f"{_ECFR}/title-12/chapter-X/part-1026"
_FDIC = f"{_ECFR}/title-12/chapter-III/subchapter-B"
_FTC = f"{_ECFR}/title-16/chapter-I"
_CFPB = ["cfpb"]
_REVIEWED = "2026-11-22T00:00:00Z"


class Regulation(msgspec.Struct, frozen=True, rename="camel"):
    """A section of federal law; `updated_at` is when this entry was last reviewed."""

    id: str
    title: str
    authorities: list[str]
    description: str
    source_url: str
    category: str = "regulation"
    jurisdictions: list[str] = msgspec.field(default_factory=lambda: ["us-federal"])
    updated_at: str = _REVIEWED


REGULATIONS = {
    regulation.id: regulation
    for regulation in (
        Regulation(
            "12-cfr-1002.4",
            "Equal Credit Opportunity (Regulation B): discouragement",
            _CFPB,
            "A creditor may not treat applicants differently, or discourage applications, on a prohibited basis.",
            f"{_REG_B}/section-1002.4",
        ),
        Regulation(
            "12-cfr-1002.9",
            "Equal Credit Opportunity (Regulation B): notifications",
            _CFPB,
            "A notice of adverse action states the specific principal reasons, or the right to learn them.",
            f"{_REG_B}/section-1002.9",
        ),
        Regulation(
            "12-cfr-1005.6",
            "Electronic Fund Transfers (Regulation E): liability for unauthorized transfers",
            _CFPB,
            "Limits a consumer's liability to $50 or $500, depending on when the loss is reported.",
            f"{_REG_E}/section-1005.6",
        ),
        Regulation(
            "12-cfr-1005.10",
            "Electronic Fund Transfers (Regulation E): preauthorized transfers",
            _CFPB,
            "Credit may not be made conditional on repayment by preauthorized electronic transfer.",
            f"{_REG_E}/section-1005.10",
        ),
        Regulation(
            "12-cfr-1005.11",
            "Electronic Fund Transfers (Regulation E): resolving errors",
            _CFPB,
            "An error is investigated within 10 business days, or provisionally credited while the inquiry goes on; "
            "an oral notice of error is enough to begin.",
            f"{_REG_E}/section-1005.11",
        ),
        Regulation(
            "12-cfr-1005.17",
            "Electronic Fund Transfers (Regulation E): overdraft services",
            _CFPB,
            "No overdraft fee on ATM and one-time debit card transactions without the consumer's opt-in.",
            f"{_REG_E}/section-1005.17",
        ),
        Regulation(
            "12-cfr-1005.20",
            "Electronic Fund Transfers (Regulation E): gift cards",
            _CFPB,
            "The funds of a gift card may not expire within five years.",
            f"{_REG_E}/section-1005.20",
        ),
        Regulation(
            "12-cfr-1006.6",
            "Debt Collection Practices (Regulation F): communications",
            _CFPB,
            "A debt collector may not speak of a debt with employers, relatives or neighbours.",
            f"{_REG_F}/section-1006.6",
        ),
        Regulation(
            "12-cfr-1006.18",
            "Debt Collection Practices (Regulation F): false representations",
            _CFPB,
            "A debt collector may not threaten arrest, or an action that cannot legally be taken or is not intended.",
            f"{_REG_F}/section-1006.18",
        ),
        Regulation(
            "12-cfr-1014.3",
            "Mortgage Acts and Practices: Advertising (Regulation N)",
            ["cfpb", "ftc"],
            "No misrepresentation of any term of a mortgage, of approval, or of ties to the government.",
            f"{_ECFR}/title-12/chapter-X/part-1014/section-1014.3",
        ),
        Regulation(
            "12-cfr-1022.54",
            "Fair Credit Reporting (Regulation V): prescreened offers",
            _CFPB,
            "A prescreened offer of credit carries a short and a long notice of the right to opt out.",
            f"{_ECFR}/title-12/chapter-X/part-1022/subpart-F/section-1022.54",
        ),
        Regulation(
            "12-cfr-1022.138",
            "Fair Credit Reporting (Regulation V): free credit reports",
            _CFPB,
            "Advertising for free credit reports points to the source that federal law provides.",
            f"{_ECFR}/title-12/chapter-X/part-1022/subpart-N/section-1022.138",
        ),
        Regulation(
            "12-cfr-1026.12",
            "Truth in Lending (Regulation Z): unauthorized use of a credit card",
            _CFPB,
            "A cardholder's liability for unauthorized use is at most $50.",
            f"{_REG_Z}/subpart-B/section-1026.12",
        ),
        Regulation(
            "12-cfr-1026.16",
            "Truth in Lending (Regulation Z): advertising open-end credit",
            _CFPB,
            "Promotional rates state when they end and the rate that follows; deferred interest is explained nearby.",
            f"{_REG_Z}/subpart-B/section-1026.16",
        ),
        Regulation(
            "12-cfr-1026.24",
            "Truth in Lending (Regulation Z): advertising closed-end credit",
            _CFPB,
            "A rate is stated as an APR, and a trigger term such as a payment's amount or the number of payments calls "
            "for the down payment, the terms of repayment and the APR.",
            f"{_REG_Z}/subpart-C/section-1026.24",
        ),
        Regulation(
            "12-cfr-1030.8",
            "Truth in Savings (Regulation DD): advertising",
            _CFPB,
            "A rate of return is stated as an annual percentage yield with its conditions; an account that may carry a "
            "maintenance fee is not called free; a bonus states what earns it.",
            f"{_ECFR}/title-12/chapter-X/part-1030/section-1030.8",
        ),
        Regulation(
            "12-usc-5531",
            "Unfair, deceptive, or abusive acts or practices",
            _CFPB,
            "What is said about a financial product must not be likely to mislead, nor take unreasonable advantage.",
            "https://uscode.house.gov/view.xhtml?req=granuleid:USC-prelim-title12-section5531&num=0&edition=prelim",
            category="statute",
        ),
        Regulation(
            "12-cfr-328.6",
            "Official advertising statement",
            ["fdic"],
            "An insured institution's advertisement for deposits carries the official statement, such as Member FDIC.",
            f"{_FDIC}/part-328/subpart-A/section-328.6",
        ),
        Regulation(
            "12-cfr-328.102",
            "Misrepresentation of insured status",
            ["fdic"],
            "No one may say or imply that a product which is not a deposit is insured by the FDIC.",
            f"{_FDIC}/part-328/subpart-B/section-328.102",
        ),
        Regulation(
            "12-cfr-338.3",
            "Nondiscriminatory advertising of home loans",
            ["fdic"],
            "An advertisement for a loan on a dwelling shows that the bank is an equal housing lender.",
            f"{_FDIC}/part-338/subpart-A/section-338.3",
        ),
        Regulation(
            "16-cfr-251.1",
            "Use of the word free",
            ["ftc"],
            "What an offer called free depends on is set forth clearly at its outset.",
            f"{_FTC}/subchapter-B/part-251/section-251.1",
        ),
        Regulation(
            "16-cfr-255.2",
            "Endorsements and testimonials: consumer endorsements",
            ["ftc"],
            "A testimonial conveys what consumers generally achieve, or says clearly what they may generally expect.",
            f"{_FTC}/subchapter-B/part-255/section-255.2",
        ),
        Regulation(
            "16-cfr-255.5",
            "Endorsements and testimonials: material connections",
            ["ftc"],
            "A connection that could affect an endorsement's weight, such as payment, is disclosed.",
            f"{_FTC}/subchapter-B/part-255/section-255.5",
        ),
        Regulation(
            "16-cfr-310.4",
            "Telemarketing Sales Rule: abusive practices",
            ["ftc"],
            "No fee in advance for a loan whose approval is represented as guaranteed or highly likely.",
            f"{_FTC}/subchapter-C/part-310/section-310.4",
        ),
        Regulation(
            "16-cfr-316.5",
            "CAN-SPAM Rule: opting out",
            ["ftc"],
            "A recipient opts out without a fee, and with no more than a reply or a visit to one page.",
            f"{_FTC}/subchapter-C/part-316/section-316.5",
        ),
        Regulation(
            "47-cfr-64.1200",
            "Telephone Consumer Protection Act: delivery restrictions",
            ["fcc"],
            "Automated marketing calls and texts need prior express written consent, which may not be a condition of "
            "a purchase and can be revoked.",
            f"{_ECFR}/title-47/chapter-I/subchapter-B/part-64/subpart-L/section-64.1200",
        ),
    )
}
