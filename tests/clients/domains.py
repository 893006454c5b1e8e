"""What people submit in each domain, and what the pages say that a result then looks like."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tests.clients.people import AUDIT, TEXT


class Domain(msgspec.Struct, frozen=True):
    """A job type with its own route, or managed's, a payload for it, and the published schema of its result."""

    envelope: str
    route: str
    payload: Mapping[str, Any]
    result: Mapping[str, Any]


def record_of(**members: Any) -> dict[str, Any]:
    """The schema of an object with exactly these members."""
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}


def list_of(items: Any, *, least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


STRING = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
STRINGS = list_of(STRING)
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}

REGULATION = record_of(
    id=STRING,
    category=STRING,
    title=STRING,
    authorities=STRINGS,
    jurisdictions=STRINGS,
    description=STRING,
    updatedAt=MOMENT,
    sourceUrl={"type": "string", "pattern": "^https://"},
)
CHUNK = record_of(text=STRING, startOffset=COUNT, endOffset={"type": ["integer", "null"]})
FINDING = record_of(
    priority={"enum": ["p1", "p2", "p3"]},
    title=STRING,
    details=STRING,
    citations=list_of(record_of(regulation=REGULATION, chunks=list_of(CHUNK))),
)
QUESTION = record_of(question=STRING, options=STRINGS, correct_answer=STRING, bloom_level=STRING, explanation=STRING)
# The page of `agent` says this much of a result, and shows no more than the id.
ANALYSIS = {"type": "object", "properties": {"analysisId": STRING}, "required": ["analysisId"]}
# Where a page shows a part of the result, or none of it, the type's own schema is the only other word.
PROCESSED = {"type": "object", "required": ["documentsProcessed", "errors"]}

LETTER = "We cannot provide provisional credit until our investigation of your error claim is completed."
DOCUMENT = (
    "Smallholders sell most of their maize in the month after harvest. Prices fall by up to 40 percent in that month, "
    "and this volatility is the main market risk that farmers name. The villages are pretty in spring."
)
ANSWER = {
    "question": "What slows you down?",
    "answer": "We copy every order from the mailbox into the spreadsheet by hand, about 6 hours a week.",
    "respondent": "Ann",
}
CSV = "id,placed,amount\n1,2026-01-05,19.90\n2,2026-01-06,5\n3,2026-01-07\n"

DOMAINS = {
    "generate_assessment": Domain("plain", "/generate_assessment", {"text": TEXT}, record_of(mcqs=list_of(QUESTION))),
    "AI_PREVIEW": Domain(
        "record",
        "/api/admin/prompts/preview",
        {"prompt": "Summarise the market risks for farmers.", "documents": [{"text": DOCUMENT}], "sentences": 1},
        record_of(output=STRING),
    ),
    "screen_analysis": Domain(
        "minimal",
        "/api/v1/analysis/screen",
        {"content": LETTER},
        record_of(
            type={"const": "analysis.screen.result"},
            riskScore={"type": "integer", "minimum": 1, "maximum": 100},
            findings=list_of(FINDING),
        ),
    ),
    "document_processing": Domain(
        "managed",
        "/v1/api/jobs",
        {"documents": [{"name": "orders.csv", "format": "csv", "content": CSV}]},
        PROCESSED,
    ),
    "batch_embedding": Domain(
        "managed",
        "/v1/api/jobs",
        {"texts": ["The invoice is late.", ""], "dimensions": 16},
        record_of(
            model={"const": "hashed-ngrams-v1"},
            dimensions={"const": 16},
            vectors=list_of(list_of({"type": "number", "minimum": -1, "maximum": 1}, least=16), least=2),
        ),
    ),
    "export": Domain(
        "managed", "/v1/api/jobs", {"content": CSV, "sourceFormat": "csv", "targetFormat": "jsonl"}, {"type": "object"}
    ),
    "import": Domain(
        "managed",
        "/v1/api/jobs",
        {"content": CSV, "format": "csv", "columns": [{"name": "amount", "type": "number"}]},
        {"type": "object"},
    ),
    "audit_analysis": Domain("agent", AUDIT, {"answers": [ANSWER]}, ANALYSIS),
}
