"""What RQ is told to call: one function, without arguments."""

import zlib

from service.serializer import JSON

RUN = "service.execution.run"
"""The only function that RQ is ever asked to call."""

RQ_DATA = zlib.compress(JSON.dumps((RUN, None, (), {})))
"""RQ's `data` of every job: payloads stay in the record, so that no dashboard and no worker log shows them."""
