"""RQ's serializer protocol on msgspec's JSON, for any RQ code: `rq worker --serializer service.serializer.JSON`."""

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
