"""Jobs that print."""

import logging
import logging.handlers
import os
import sys
import time

import msgspec

from pollable import job_type, worker_init

print("said at import", end=" ")


@worker_init
def say() -> None:
    print("said by the worker", end=" ")


buffered = logging.getLogger("talk")
buffered.propagate = False
buffered.addHandler(logging.handlers.MemoryHandler(1000, target=logging.StreamHandler(sys.stderr)))


class Talk(msgspec.Struct):
    ending: str = "return"


@job_type("talk")
def talk(given: Talk) -> None:
    print("a line")
    print("half a line", end="")
    sys.stderr.write("to stderr")
    buffered.warning("kept by a handler")
    match given.ending:
        case "raise":
            raise ValueError("enough")
        case "exit":
            sys.exit(3)
        case "close":
            sys.stdout.close()
        case "kill":
            os.kill(os.getpid(), 9)
        case "hang":
            while True:
                try:
                    time.sleep(60)
                except Exception:
                    print("goes on")
