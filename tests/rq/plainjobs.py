"""Jobs of a program that knows nothing of Pollable: what plain RQ workers import."""

import datetime
import decimal
import os
import signal
import time
import uuid
from typing import Any

import pydantic
from rq import Retry, get_current_job

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


class User(pydantic.BaseModel):
    id: int
    name: str


def answer() -> dict[str, Any]:
    return {"answer": 42, "words": ["é", None, True]}


def data() -> dict[str, Any]:
    return {"at": MOMENT, "price": decimal.Decimal("1.50"), "id": uuid.UUID(int=5), "tags": {"b", "a"}, "raw": b"\x00"}


def model() -> User:
    return User(id=1, name="a")


def nothing() -> None:
    return None


def unstorable() -> Any:
    return lambda: None


def invalid() -> User:
    return User.model_validate({"id": "x"})


def several() -> None:
    error = ExceptionGroup("2 pages failed", [ValueError("page 1"), KeyError("page 2")])
    error.add_note("chapter 3")
    raise error


def chained() -> None:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ConnectionError("no route\nto the host") from error


def slow() -> None:
    time.sleep(60)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def asks_again() -> Retry:
    return Retry(max=2)


def reporting() -> str:
    job = get_current_job()
    assert job is not None
    job.meta["progress"] = {"percent": 40, "message": "page 3"}
    job.save_meta()  # type: ignore[no-untyped-call] # RQ's has no types
    raise ValueError("half of it is done")
