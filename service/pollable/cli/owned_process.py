"""A child process that never outlives its owner, however the owner ends."""

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

# The read returns when the pipe's other end closes, and the kernel closes that even for an owner that was killed -9.
# Removing is tried again for 2 s: a server that shuts down may still write into its directory.
_GUARD = """
exec 3<&0 </dev/null
(read -r _ <&3; kill -TERM $$; PATH=$PATH:/bin:/usr/bin
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -n "$0" ] && ! rm -rf -- "$0" || break
    sleep 0.1
done) 2>/dev/null &
exec "$@" 3<&-
"""


class OwnedProcess:
    """A running command, in a session of its own so that Ctrl-C reaches its owner alone.

    `directory` is removed when the command has been stopped, also by the owner's death.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(directory or ""), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
        self._was_asked = False

    @property
    def pid(self) -> int:
        """The command's own process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once, and return at once."""
        # A worker takes the second one as an order to drop its job.
        if not self._was_asked:
            self._was_asked = True
            self._process.terminate()

    def stop(self, *, grace_s: float = 5.0) -> int:
        """Ask it to stop, kill it after `grace_s`, return its exit code."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self._process.kill()
        code = self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
