"""Every line of a log is one JSON object, or readable text, whatever somebody logs."""

import json
import logging
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from pollable.lines import JSONFormatter, Origin, TextFormatter, carrying, origin

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


class Mute:
    def __str__(self) -> str:
        raise ValueError("it has no words")

    __repr__ = __str__


def record(message: object = "said", *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("a.job").makeRecord("a.job", 20, __file__, 1, message, args, None, extra=extra)


def line_of(of: logging.LogRecord) -> dict[str, Any]:
    text = JSONFormatter().format(of)
    assert "\n" not in text
    line = json.loads(text)
    assert isinstance(line, dict)
    return line


def test_a_line_has_its_time_with_its_zone_and_what_was_given() -> None:
    line = line_of(record("%d of %d", 1, 2, page=3, path=["$"]))
    assert TIME.fullmatch(line.pop("time"))
    assert line == {"level": "info", "logger": "a.job", "message": "1 of 2", "page": 3, "path": ["$"]}


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(record("%d", "no number"), id="arguments that do not fit"),
        pytest.param(record("\ud800"), id="a lone surrogate"),
        pytest.param(record("said", word="\udfff"), id="a surrogate in a field"),
        pytest.param(record(Mute()), id="a message without words"),
        pytest.param(record("said", it=Mute()), id="a field without words"),
        pytest.param(record("said", it=CIRCLE), id="a list in itself"),
        pytest.param(record("said", it={(1, 2): 3}), id="keys that are no text"),
        pytest.param(record("said", it=float("nan")), id="no number"),
        pytest.param(record("said", it=10**400), id="a large number"),
        pytest.param(record("one\ntwo\x1b[0m"), id="line breaks"),
        pytest.param(record(b"bytes"), id="bytes"),
    ],
)
def test_whatever_is_logged_is_one_line_of_json(hostile: logging.LogRecord) -> None:
    assert line_of(hostile)["logger"] == "a.job"


def test_the_head_of_a_line_is_not_for_others_to_write() -> None:
    line = line_of(record("said", time="noon", level="fatal", logger="me"))
    assert (line["level"], line["logger"]) == ("info", "a.job")
    assert TIME.fullmatch(line["time"])


def test_text_has_the_fields_behind_the_message() -> None:
    text = TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s").format(record(page=3, word="a\nb"))
    time, said = text.split(" ", 1)
    assert TIME.fullmatch(time)
    assert said == r"INFO a.job: said page=3 word='a\nb'"


def test_what_a_line_says_itself_comes_before_what_all_lines_have() -> None:
    said = record("said", job_id="its own")
    token = origin.set(Origin("r-1", f"00-{'a' * 32}-{'b' * 16}-01"))
    try:
        assert carrying(lambda: {"job_id": "the job's", "type": "report"})(said)
    finally:
        origin.reset(token)
    line = msgspec.json.decode(JSONFormatter().format(said))
    assert (line["job_id"], line["type"], line["request_id"]) == ("its own", "report", "r-1")
    assert line["trace_id"] == "a" * 32


PROGRAM = """
import logging, threading, warnings
from pollable import logs
from pollable.settings import Settings
logs.configure(Settings(redis_url="redis://x", log_format="{format}"))
class Grave:
    def __del__(self): raise ValueError("grave")
def thread(): raise ValueError("thread")
warnings.warn("warning")
logging.getLogger("uvicorn.error").info("uvicorn", extra={{"color_message": "blue"}})
logging.getLogger("rq.worker").warning("rq")
logging.getLogger("rq.worker").info("untold")
logging.getLogger("asyncio").error("asyncio")
Grave()
running = threading.Thread(target=thread)
running.start()
running.join()
raise ValueError("process")
"""


def test_what_python_and_libraries_say_are_lines_too() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM.format(format="json")], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert all(TIME.fullmatch(line["time"]) for line in lines)
    text = ["warning", "uvicorn", "rq", "asyncio", "grave", "thread", "process"]
    for word, line in zip(text, lines, strict=True):
        assert word in line["message"] + line.get("traceback", "")


def test_a_terminal_reads_tracebacks_as_they_are() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM.format(format="text")], capture_output=True, text=True)
    assert ended.stderr.endswith("ValueError: process\n")
    assert "CRITICAL pollable: unhandled: ValueError\nTraceback" in ended.stderr
