"""Job types that fail with their payload in hand, each in its own way."""

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from pollable import JobError, job_type


class Secret(msgspec.Struct):
    """What nobody but its caller may read."""

    how: str
    text: str


class Own(Exception):
    """Says what it was given, and is no name that anything knows."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.add_note(f"A note: {text}")


def said(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def caused(text: str) -> NoReturn:
    try:
        said(text)
    except ValueError as error:
        raise Own(text) from error


def during(text: str) -> NoReturn:
    try:
        raise KeyError(text)
    except KeyError:
        raise RuntimeError(text)  # noqa: B904 - that the other goes along is what is tested


def grouped(text: str) -> NoReturn:
    raise ExceptionGroup(text, [ValueError(text), Own(text)])


def in_code(text: str) -> None:
    compile(f"{text} = (", text, "exec")


def left(text: str) -> NoReturn:
    raise SystemExit(text)


def returned_badly(text: str) -> object:
    return {"deep": {text, b"bytes"}, "object": object()}


def markup(_: str) -> NoReturn:
    raise JobError("no_page", "<img src=x onerror=alert(1)> & <script>alert(2)</script>")


WAYS: dict[str, Callable[[str], object]] = {
    each.__name__: each for each in (said, caused, during, grouped, in_code, left, returned_badly, markup)
}


@job_type("leaky")
def leaky(secret: Secret) -> Any:
    kept_in_a_variable = secret.text * 2
    return WAYS[secret.how](kept_in_a_variable)
