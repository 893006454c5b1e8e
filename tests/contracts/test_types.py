"""The job types that the pages list are there, each with the limits that its page states."""

import pytest

from pollable.catalog import Catalog, load_job_types

LISTED = {
    "record": ("AI_PREVIEW", "PARSE_DOCUMENT", "GAP_DETECTION", "RISK_ANALYSIS", "REPORT_GENERATION"),
    "minimal": ("screen_analysis",),
    "managed": ("document_processing", "web_crawling", "batch_embedding", "export", "import"),
}
ROUTES = {
    "generate_assessment": "/generate_assessment",
    "AI_PREVIEW": "/api/admin/prompts/preview",
    "screen_analysis": "/api/v1/analysis/screen",
    "audit_analysis": "/api/agent/projects/{projectId}/audit-analysis/async",
}


@pytest.fixture(scope="module")
def examples() -> Catalog:
    return load_job_types(["pollable.examples.everything"])


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, names in LISTED.items() for name in names])
def test_a_type_that_a_page_lists_is_there(examples: Catalog, page: str, name: str) -> None:
    assert examples.get(name).envelope == page


@pytest.mark.parametrize("name", ROUTES)
def test_a_type_is_submitted_where_its_page_says(examples: Catalog, name: str) -> None:
    assert examples.get(name).submit == ROUTES[name]


def test_an_assessment_has_600_seconds(examples: Catalog) -> None:
    assert examples.get("generate_assessment").timeout_s == 600


def test_a_preview_is_tried_three_times(examples: Catalog) -> None:
    assert examples.get("AI_PREVIEW").max_attempts == 3
