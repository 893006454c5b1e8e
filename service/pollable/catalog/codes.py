"""The error codes that a module of job types spells out: a wrong one is told at the start."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from pollable.errors import SettingsError, is_job_error_code


def require_fitting(module: str) -> None:
    """Raises `SettingsError` for a `JobError` of the module whose code is a constant and does not fit its form.

    A code that is put together at run time is checked there, by `JobError` itself.
    """
    # A script, or what was typed into a shell, is a module without one.
    spec = getattr(sys.modules.get(module), "__spec__", None)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    source = Path(spec.origin).read_bytes()
    # To take a module apart costs as much as its import.
    for line, code in _codes(source) if b"JobError" in source else ():
        if not is_job_error_code(code):
            raise SettingsError(
                f"{module}, line {line}: JobError({code!r}, ...) has no error code: 1 to 64 of a-z, 0-9 and _, "
                "beginning with a letter."
            )


def _codes(source: bytes) -> Iterator[tuple[int, object]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) == "JobError":
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
            yield from ((node.lineno, part.value) for part in given if isinstance(part, ast.Constant))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
