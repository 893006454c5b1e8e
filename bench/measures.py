"""Every measure by its name: a module with `measure(is_quick=...)`, what it is about, how long it may take.

`python -m bench.measures NAME FILE` runs one in this process, and writes what it hands back.
"""

import sys
from importlib import import_module
from pathlib import Path

import msgspec

from bench.rounds import Failed


class Measure(msgspec.Struct, frozen=True):
    """`bench.{module}`; past `limit_s` it is ended."""

    module: str
    about: str
    limit_s: int


MEASURES = {
    "polls": Measure("polls", "polls a second, beside every contender and the limits", 1200),
    "variants": Measure("variants", "polls with RS256, with a quota, and of what has not changed", 300),
    "large": Measure("large", "polls of a result of 1 MB", 300),
    "stored": Measure("stored", "polls among a million stored jobs; bytes a job", 900),
    "processes": Measure("doubled", "polls of two web processes beside one", 300),
    "submits": Measure("submits", "submits a second", 600),
    "workers": Measure("worker_race", "quick jobs a second", 1200),
    "answers": Measure("answers", "from the submit to the answer of a caller who waits", 300),
    "waiters": Measure("waiters", "ten thousand who wait, in one process", 300),
    "idle": Measure("idleness", "what Redis is sent while there is nothing to do", 300),
    "footprint": Measure("footprint", "start and memory", 300),
    "busy": Measure("busy", "polls while others submit and work is done", 300),
    "costs": Measure("costs", "commands and CPU of Redis for a poll, a submit and a job", 300),
    "distance": Measure("distance", "the same with 20 ms between Redis and everyone else", 600),
}


def main() -> None:
    """Run one, write its outcome."""
    name, path = sys.argv[1:3]
    try:
        taken = import_module(f"bench.{MEASURES[name].module}").measure(is_quick="--quick" in sys.argv)
    except Failed as error:
        taken = {"rows": [], "error": str(error)}
    Path(path).write_bytes(msgspec.json.encode(taken))


if __name__ == "__main__":
    main()
