"""The worker process of a test run: `pollable worker`, and with `--at-once` without pauses between attempts."""

import sys

import msgspec

from pollable import catalog as catalogs
from pollable.cli.working import work
from pollable.settings import from_environment
from pollable.testing import AT_ONCE
from pollable.worker.horse import Stay


def main(arguments: list[str]) -> int:
    """Run jobs until SIGTERM; the exit code."""
    settings = from_environment()
    if AT_ONCE in arguments:
        types = catalogs.deployed(settings)
        for each in list(types):
            types.add(msgspec.structs.replace(each, retry_delays_s=()))
    return work(settings, queues=None, workers=1, grace_s=2, simple=False, stay=Stay(), health=None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
