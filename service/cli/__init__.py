"""What `python -m service` does beside serving."""

EXAMPLES = "examples.assessment,examples.previews,examples.screening,examples.documents,examples.audit"
