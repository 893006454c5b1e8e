"""A deployment in which two worker processes can begin, and no third: it hangs, or fails where `THIRD` says so."""

import os
import time
from pathlib import Path

from pollable import worker_init
from tests.worker import acts
from tests.worker.journal import JOURNAL

assert acts

THIRD = "FEW_THIRD"


@worker_init
def be_counted() -> None:
    with Path(f"{os.environ[JOURNAL]}.few").open("a+") as file:
        file.write(".")
        file.flush()
        if file.tell() <= 2:
            return
    if os.environ.get(THIRD) == "fails":
        raise ConnectionError("no third connection")
    time.sleep(60)
