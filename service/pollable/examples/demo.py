"""The assessment as `make demo` runs it: its result expires within seconds, so that one can watch it go."""

import msgspec

import pollable.examples.assessment  # noqa: F401 - importing it registers the job type
from pollable.catalog import registered

RESULT_TTL_S = 6

registered.add(msgspec.structs.replace(registered.get("generate_assessment"), result_ttl_s=RESULT_TTL_S))
