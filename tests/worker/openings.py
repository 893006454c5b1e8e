"""Jobs of a module that opens something at its import, as a database is: whoever forks has to open it anew."""

import os
import sqlite3
from typing import Any

from pollable import horse_init, job_type, worker_init
from tests.worker.acts import note

FAILS_AT = "OPENINGS_FAIL_AT"

opened: dict[str, int] = {"import": os.getpid()}
database = sqlite3.connect(":memory:", check_same_thread=False)
database.execute("CREATE TABLE openings (pid INTEGER)")


def fail(moment: str) -> None:
    if os.environ.get(FAILS_AT) == moment:
        raise ConnectionError(f"no database at {moment}\nfor {os.getpid()}")


@worker_init
def open_in_worker() -> None:
    """The first of two: they come in the order in which they are written."""
    assert "worker" not in opened
    fail("worker")
    opened["worker"] = os.getpid()


@worker_init
def open_cache() -> None:
    assert opened["worker"] == os.getpid()
    print("said by worker_init")


@horse_init
def open_in_horse() -> None:
    global database
    assert "worker" in opened
    fail("horse")
    if os.environ.get(FAILS_AT) == "first horse" and note("opening") == 1:
        raise ConnectionError("not yet")
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE openings (pid INTEGER)")
    database.execute("INSERT INTO openings VALUES (?)", [os.getpid()])
    opened["horse"] = os.getpid()


@job_type("tell_openings", max_attempts=2)
def tell_openings(_: dict[str, Any]) -> dict[str, Any]:
    """Which process opened what, and what this one finds in the database."""
    note("start")
    rows = [pid for (pid,) in database.execute("SELECT pid FROM openings")]
    return {**opened, "here": os.getpid(), "rows": rows}
