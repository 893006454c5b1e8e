"""What an application under test has logged, line by line."""

from typing import Any

import msgspec
import pytest

from pollable.lines import JSONFormatter


class Log:
    """What was logged since, as it is written."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def lines(self) -> list[dict[str, Any]]:
        # The test's client logs, too.
        ours = (record for record in self._caplog.records if record.name.startswith("pollable"))
        written = (JSONFormatter().format(record) for record in ours)
        return [msgspec.json.decode(line) for line in written]

    def of(self, event: str) -> dict[str, Any]:
        (line,) = [line for line in self.lines if line.get("event") == event]
        return line
