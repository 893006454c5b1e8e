"""Whatever is in a pickle, reading it is data or a refusal, soon, and in bounded memory."""

import subprocess
import sys
import time

import pytest

from pollable.jobs.pickled import Unreadable, as_json
from tests.jobs.hostile import CORPUS, EVIL, LARGE, TWISTED

MOST_BYTES = 1_048_576
"""As the setting has it."""
MOST_MEMORY = 320_000_000
"""Of addresses, with the interpreter and the corpus itself."""
MOST_CPU_S = 10
"""Measured: half a second for the worst. The rest is for a machine that has other things to do."""
HARMLESS = {LARGE["a frame that is not there"]}
"""Read here as the data that they are."""
IN_A_PROCESS_OF_ITS_OWN = """
import resource, sys
sys.path[:0] = {path!r}
from pollable.jobs.pickled import Unreadable, as_json
from tests.jobs.hostile import CORPUS
resource.setrlimit(resource.RLIMIT_AS, ({most_memory}, {most_memory}))
seen, watching = set(), True
sys.addaudithook(lambda event, arguments: seen.add(event) if watching else None)
for pickled in CORPUS.values():
    try:
        as_json(pickled, most_bytes={most_bytes})
    except Unreadable:
        pass
watching = False
print(sorted(seen))
"""


hostile = pytest.mark.parametrize("pickled", CORPUS.values(), ids=CORPUS.keys())


def is_refused(pickled: bytes) -> bool:
    try:
        as_json(pickled, most_bytes=MOST_BYTES)
    except Unreadable:
        return True
    return False


@hostile
def test_what_is_hostile_is_settled_soon(pickled: bytes) -> None:
    began = time.process_time()
    refused = is_refused(pickled)
    assert time.process_time() - began < MOST_CPU_S
    assert refused or pickled in HARMLESS


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5, 6, 255])
@pytest.mark.parametrize("pickled", {**EVIL, **TWISTED}.values(), ids={**EVIL, **TWISTED}.keys())
def test_no_protocol_makes_it_less_so(pickled: bytes, protocol: int) -> None:
    framed = b"\x80" + bytes([protocol]) + b"\x95" + len(pickled).to_bytes(8, "little") + pickled
    with pytest.raises(Unreadable):
        as_json(framed, most_bytes=MOST_BYTES)


def test_nothing_is_imported_opened_or_started_and_memory_is_bounded() -> None:
    program = IN_A_PROCESS_OF_ITS_OWN.format(path=sys.path, most_memory=MOST_MEMORY, most_bytes=MOST_BYTES)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_input_of_more_than_four_times_the_result_is_not_looked_at() -> None:
    with pytest.raises(Unreadable, match="larger than"):
        as_json(b"N." + bytes(4 * MOST_BYTES), most_bytes=MOST_BYTES)


def test_a_result_of_as_much_as_it_may_be_is_read() -> None:
    length = MOST_BYTES - 2
    pickled = b"\x8d" + length.to_bytes(8, "little") + b"x" * length + b"."
    assert len(as_json(pickled, most_bytes=MOST_BYTES)) == MOST_BYTES
