"""A client of the page of `plain`, as its reader would write it. It asks for no token: the page names none."""

import json
import sys
import time
from typing import Any

import requests


def poll(base: str, job_id: str, pace: float, patience: float) -> dict[str, Any]:
    began = time.monotonic()
    while time.monotonic() - began < patience:
        job = requests.get(f"{base}/job_status", params={"job_id": job_id}, timeout=10).json()
        status = job["status"]
        print(json.dumps(status), flush=True)
        if status is None:
            return {"gone": True}
        if status == "finished":
            return {"result": job["result"]}
        if status == "failed":
            return {"error": job["error"]}
        time.sleep(2 * pace)
    return {"waiting": True}


print(json.dumps(poll(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
