"""The worker process, as the Procfile starts it: what `pollable worker` does."""

import sys

from pollable.__main__ import commands

if __name__ == "__main__":
    commands(["worker", *sys.argv[1:]], prog_name="pollable")
