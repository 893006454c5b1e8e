"""Functions that processes call before their jobs: what a module opened at its import is not to be shared by a fork."""

import inspect
from collections.abc import Callable
from typing import TypeVar

from pollable.errors import SettingsError

F = TypeVar("F", bound=Callable[[], object])


class Hook:
    """A moment in the life of a process, and what is called then, in the order of registration. A decorator."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._functions: dict[tuple[str, str], Callable[[], object]] = {}

    def __call__(self, function: F) -> F:
        """Register a function. Raises `SettingsError` for anything but a plain one without arguments."""
        is_plain = inspect.isfunction(function) and not inspect.iscoroutinefunction(function)
        if not is_plain or inspect.signature(function).parameters:
            raise SettingsError(f"@{self._name} is for a plain function without arguments, not for {function!r}.")
        # A module that is imported twice (as __main__ and by name, or reloaded) declares the same function again.
        self._functions[function.__module__, function.__qualname__] = function
        return function

    def run(self) -> None:
        """Call them. Raises what they raise."""
        for function in self._functions.values():
            function()


worker_init = Hook("worker_init")
"""Once in every worker process, before its first job."""

horse_init = Hook("horse_init")
"""In the process of every attempt, before the job's function; what it raises is the attempt's failure."""
