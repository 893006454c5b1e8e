"""Whether the code of job types has changed, by looking at its files twice a second."""

import contextlib
import importlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from pollable.cli import EXAMPLES

LOOK_S = 0.5


class Code:
    """The files of these modules; those of a package are all that lie in it."""

    def __init__(self, modules: Iterable[str]) -> None:
        # By the name that stands first, so that nothing is imported here: what breaks when it is, is watched as well.
        own = EXAMPLES.partition(".")[0]
        self._names = sorted({name.partition(".")[0] for name in modules} - {own})
        self._seen = self._now()

    @property
    def is_watched(self) -> bool:
        """Whether there is any but ours."""
        return bool(self._names)

    def has_changed(self) -> bool:
        """Whether a file was written, added or removed since the last time."""
        before, self._seen = self._seen, self._now()
        return self._seen != before

    def _now(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for path in self._files():
            # An editor may have put another in its place meanwhile.
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                found[path] = (stat.st_mtime_ns, stat.st_size)
        return found

    def _files(self) -> Iterator[Path]:
        importlib.invalidate_caches()
        for name in self._names:
            spec = find_spec(name)
            if spec is not None and spec.submodule_search_locations is not None:
                for place in spec.submodule_search_locations:
                    yield from Path(place).rglob("*.py")
            elif spec is not None and spec.origin is not None:
                yield Path(spec.origin)
