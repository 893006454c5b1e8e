"""The file that says that the worker is well: touched while every main loop of it goes round."""

import logging
import mmap
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pollable.cli.shift import Pulse
from pollable.errors import SettingsError

log = logging.getLogger("pollable.worker")

TOUCH_S = 2.0
SILENCE_S = 120.0
"""A loop that has not gone round for so long is stuck: while it waits for Redis it says so each second."""

_MOMENT = struct.Struct("d")


class Health:
    """One place for each worker process, in memory that they share: until when its loop may be silent.

    `silence_s` is how long that is where the loop says nothing else.
    """

    def __init__(self, path: Path | None, *, size: int, silence_s: float = SILENCE_S) -> None:
        self._path = path
        self._size = size
        self._silence_s = silence_s
        self._moments = mmap.mmap(-1, size * _MOMENT.size)

    def pulse(self, place: int) -> Pulse:
        """What the process at this place, from 0, calls whenever its loop goes round."""

        def beat(busy_s: float) -> None:
            self._write(place, time.monotonic() + self._silence_s + busy_s)

        return beat

    def clear(self, place: int) -> None:
        """The process at this place has ended."""
        self._write(place, 0.0)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """For the length of the block the file is there, and touched. Raises `SettingsError` where it cannot be."""
        if self._path is None:
            yield
            return
        over = threading.Event()
        thread = threading.Thread(target=self._show, args=(self._path, over), name="health", daemon=True)
        self._try(self._path)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._path.unlink(missing_ok=True)

    def _try(self, path: Path) -> None:
        try:
            path.touch()
        except OSError as error:
            raise SettingsError(f"--health names {str(path)!r}, which cannot be touched: {error.strerror}.") from None

    def _show(self, path: Path, over: threading.Event) -> None:
        while not over.wait(TOUCH_S):
            if self._are_all_well():
                try:
                    path.touch()
                except OSError as error:
                    log.warning("%s cannot be touched: %s", path, error)

    def _are_all_well(self) -> bool:
        now = time.monotonic()
        return all(moment > now for (moment,) in _MOMENT.iter_unpack(self._moments[:]))

    def _write(self, place: int, moment: float) -> None:
        _MOMENT.pack_into(self._moments, place * _MOMENT.size, moment)
