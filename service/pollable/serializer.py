"""RQ's serializer protocol on msgspec's JSON, and what RQ is told to call.

For any RQ code: `rq worker --serializer pollable.serializer.JSON`.
"""

import zlib
from typing import Any

import msgspec


class JSON:
    """`rq.serializers.Serializer`: what goes into and comes out of RQ's hashes is JSON, never a pickle."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        return msgspec.json.encode(value)

    @staticmethod
    def loads(data: bytes) -> Any:
        return msgspec.json.decode(data)


class Untouched:
    """RQ's serializer protocol for jobs of other code that pass through our hands: their bytes stay what they are."""

    @staticmethod
    def dumps(value: bytes) -> bytes:
        return value

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data


RUN = "pollable.execution.run"
"""The only function that RQ is ever asked to call."""

RQ_DATA = zlib.compress(JSON.dumps((RUN, None, (), {})))
"""RQ's `data` of every job: payloads stay in the record, so that no dashboard and no worker log shows them."""
