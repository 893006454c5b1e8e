"""Job types that are attacked: one that takes anything, one with a schema, and one on each page's route."""

from typing import Annotated, Any

import msgspec

from pollable import job_type


class Text(msgspec.Struct):
    """What the pages' own types take."""

    text: Annotated[str, msgspec.Meta(min_length=1)]


@job_type("anything")
def anything(payload: Any) -> Any:
    """The payload itself."""
    return payload


@job_type("generate_assessment", submit="/generate_assessment", envelope="plain")
def generate_assessment(payload: Text) -> dict[str, str]:
    """On a route of its own."""
    return {"text": payload.text}


@job_type("document_processing", envelope="managed")
def document_processing(payload: Text) -> dict[str, str]:
    """By its type."""
    return {"text": payload.text}


@job_type("audit_analysis", submit="/api/agent/projects/{projectId}/audit-analysis/async", envelope="agent")
def audit_analysis(payload: Text) -> dict[str, str]:
    """In a project, which the path names."""
    return {"text": payload.text}
