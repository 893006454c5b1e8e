"""What jobs of other code left in the words of their serializer: results, progress. A pickle is read only as data."""

import asyncio
import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from pollable.jobs.pickled import Unreadable, as_json
from pollable.jobs.tracebacks import MESSAGE_LENGTH
from pollable.model import Failure
from pollable.settings import Settings

# RQ 1.0 to 3.0 keep this text in place of a result that their serializer refuses: bare, as JSON, or pickled.
_REFUSED = re.compile(
    rb'"?Unserializable return value"?'
    rb"|(?:\x80[\x02-\x05])?(?:\x95.{8})?(?:\x8c\x1b|X\x1b\0\0\0|V)Unserializable return value(?:\x94|q\0|\np0\n)\.",
    re.DOTALL,
)
_SUCCESSFUL = b"1"
_AT_ONCE_BYTES = 16_384
"""A pickle of so many bytes is read in some milliseconds; a longer one in a thread, one at a time."""
_META_BYTES = 16_384
_TRACEBACK_BYTES = 1_048_576


class _Meta(msgspec.Struct):
    progress: Any = None


class Results:
    """Reads results and progress as the settings allow."""

    def __init__(self, settings: Settings) -> None:
        self._reads_data = settings.foreign_jobs == "read-data"
        self._most_bytes = settings.max_result_bytes
        self._one_at_a_time = asyncio.Lock()

    async def read(self, outcome: Mapping[bytes, bytes], legacy: bytes | None) -> tuple[bytes | None, Failure | None]:
        """The result of a finished job as JSON, or why there is none. `legacy` is what RQ 1 kept in the hash."""
        encoded = _result_bytes(outcome, legacy)
        if encoded is None:
            return b"null", None
        if _REFUSED.fullmatch(encoded):
            return None, Failure(
                "result_unserializable", "The job finished, but RQ's serializer could not store its result."
            )
        if _is_json(encoded):
            return encoded, None
        if not self._reads_data:
            return None, _unreadable(
                "it is not JSON. Its queue can be given RQ's JSON serializer;"
                " or POLLABLE_FOREIGN_JOBS=read-data reads pickled results that are plain data"
            )
        try:
            return await self._data(encoded), None
        except Unreadable as reason:
            return None, _unreadable(f"{reason}. Of a pickle only plain data is read")

    def progress(self, meta: bytes | None) -> tuple[int | None, str | None]:
        """What a job's `meta["progress"]` says: a number, or a percentage and a message; None for what is neither."""
        told: Any = self._meta(meta).progress if meta else None
        message: Any = None
        if isinstance(told, dict):
            told, message = told.get("percent"), told.get("message")
        percent = max(0, min(100, int(told))) if type(told) in (int, float) else None
        return percent, message[:MESSAGE_LENGTH] if isinstance(message, str) else None

    async def _data(self, encoded: bytes) -> bytes:
        if len(encoded) <= _AT_ONCE_BYTES:
            return as_json(encoded, most_bytes=self._most_bytes)
        async with self._one_at_a_time:
            return await asyncio.to_thread(as_json, encoded, most_bytes=self._most_bytes)

    def _meta(self, encoded: bytes) -> _Meta:
        try:
            return msgspec.json.decode(encoded, type=_Meta)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        try:
            data = as_json(encoded, most_bytes=_META_BYTES) if self._reads_data else b"{}"
            return msgspec.json.decode(data, type=_Meta)
        except (Unreadable, msgspec.MsgspecError):
            return _Meta()


def traceback_of(outcome: Mapping[bytes, bytes], legacy: bytes | None) -> str:
    """What RQ kept of a failure. `legacy` is what RQ 1 kept in the hash."""
    data = _unwrapped(outcome[b"exc_string"]) if b"exc_string" in outcome else legacy or b""
    try:
        # Bounded: a few bytes can be a great deal of text.
        return zlib.decompressobj().decompress(data, _TRACEBACK_BYTES).decode(errors="replace")
    except zlib.error:
        return data[:_TRACEBACK_BYTES].decode(errors="replace")


def _unreadable(why: str) -> Failure:
    return Failure("result_unreadable", f"The job finished, but its result cannot be read: {why}.")


def _result_bytes(outcome: Mapping[bytes, bytes], legacy: bytes | None) -> bytes | None:
    if outcome.get(b"type") == _SUCCESSFUL and b"return_value" in outcome:
        return _unwrapped(outcome[b"return_value"])
    return legacy


def _unwrapped(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _is_json(encoded: bytes) -> bool:
    try:
        msgspec.json.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
