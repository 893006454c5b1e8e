"""Every example, for POLLABLE_JOBS: importing this module registers the job types of all five domains."""

import pollable.examples.assessment
import pollable.examples.audit
import pollable.examples.crawling
import pollable.examples.documents
import pollable.examples.embedding
import pollable.examples.gaps
import pollable.examples.previews
import pollable.examples.reports
import pollable.examples.risks
import pollable.examples.screening  # noqa: F401 - all are imported for what importing them registers
