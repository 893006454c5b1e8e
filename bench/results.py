"""What was measured, as JSON on disk: one file a measure, each with the machine that it was taken on."""

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import description

PLACE = Path(__file__).resolve().parent / "results"
QUICK = PLACE / "quick"
"""Of short runs, which are never published."""


def write(place: Path, name: str, taken: Mapping[str, Any], *, is_quick: bool) -> None:
    """Put one measure down. A failed one does not take the place of what was measured before."""
    path = place / f"{name}.json"
    if taken.get("error") and path.is_file() and not is_quick:
        print(f"    {name}: {taken['error']}; {path.name} is left as it was", file=sys.stderr)
        return
    place.mkdir(parents=True, exist_ok=True)
    day = datetime.now(UTC).date().isoformat()
    whole = {"measure": name, "day": day, "is_quick": is_quick, "machine": description(), **taken}
    path.write_bytes(msgspec.json.format(placeless(msgspec.json.encode(whole))) + b"\n")


def placeless(text: bytes) -> bytes:
    """Without paths of this machine, which the last words of a contender may have."""
    return re.sub(rb"(?<![\w/:.])/(?:[\w.+-]+/)+[\w.+-]*", b"...", text)


def read(place: Path) -> dict[str, dict[str, Any]]:
    """All that is there, by measure. Other figures that lie there have no `measure`."""
    files = [msgspec.json.decode(path.read_bytes(), type=dict[str, Any]) for path in sorted(place.glob("*.json"))]
    return {found["measure"]: found for found in files if "measure" in found}
