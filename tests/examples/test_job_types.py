import msgspec
import pytest

from pollable.catalog import load_job_types

CATALOG = load_job_types(["pollable.examples.everything"])
SUBMITTED_AT = {
    "generate_assessment": ("plain", "/generate_assessment"),
    "AI_PREVIEW": ("record", "/api/admin/prompts/preview"),
    "PARSE_DOCUMENT": ("record", None),
    "GAP_DETECTION": ("record", None),
    "RISK_ANALYSIS": ("record", None),
    "REPORT_GENERATION": ("record", None),
    "screen_analysis": ("minimal", "/api/v1/analysis/screen"),
    "document_processing": ("managed", None),
    "web_crawling": ("managed", None),
    "batch_embedding": ("managed", None),
    "export": ("managed", None),
    "import": ("managed", None),
    "audit_analysis": ("agent", "/api/agent/projects/{projectId}/audit-analysis/async"),
}


def test_the_examples_are_the_types_that_the_pages_list() -> None:
    examples = [each.name for each in CATALOG if each.function.__module__.startswith("pollable.examples.")]
    assert set(examples) == set(SUBMITTED_AT)


@pytest.mark.parametrize("name", SUBMITTED_AT)
def test_every_example_is_registered_with_the_route_of_its_api(name: str) -> None:
    job_type = CATALOG.get(name)
    assert (job_type.envelope, job_type.submit) == SUBMITTED_AT[name]


@pytest.mark.parametrize("name", SUBMITTED_AT)
def test_every_example_says_what_it_does_and_what_it_takes(name: str) -> None:
    job_type = CATALOG.get(name)
    assert job_type.description.endswith(".")
    (schema,), components = msgspec.json.schema_components([job_type.payload_type])
    assert components[schema["$ref"].rsplit("/", 1)[1]]["additionalProperties"] is False


@pytest.mark.parametrize("name", SUBMITTED_AT)
def test_a_misspelled_field_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        CATALOG.get(name).decode(b'{"txet": "a"}')
