"""What one web process and two workers send Redis while there is nothing to do, held against its target."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from bench.figures import Row, outcome

MUST = 12.0


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """`bench.idle` measures; its whole report is kept."""
    what = "Redis commands a second, idle, one web process and two workers"
    if find_spec("bench.idle") is None:
        return outcome([Row(what=what, value=None, unit="a second", target=MUST, is_limit=True)], {})
    seen = import_module("bench.idle").measure(is_quick=is_quick)
    rows = [Row(what=what, value=seen["commands_a_second"], unit="a second", target=MUST, is_limit=True)]
    if "reads_a_second" in seen:
        rows.append(
            Row(what="idle: reads that Redis made of its connections", value=seen["reads_a_second"], unit="a second")
        )
    return outcome(rows, {}, report=seen)
