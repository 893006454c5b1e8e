"""A client of the page of `minimal`, as its reader would write it: it waits a little longer each time."""

import json
import os
import sys
import time
from typing import Any

import requests


def poll(base: str, job_id: str, pace: float, patience: float) -> dict[str, Any]:
    token = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    began, interval = time.monotonic(), 1.0
    while time.monotonic() - began < patience:
        answer = requests.get(f"{base}/api/v1/jobs/{job_id}", headers=token, timeout=10)
        if answer.status_code == 404:
            return {"gone": True}
        answer.raise_for_status()
        job = answer.json()
        print(json.dumps(job["status"]), flush=True)
        if job["status"] == "succeeded":
            return {"result": job["result"]}
        if job["status"] == "failed":
            return {"error": job["error"]}
        time.sleep(interval * pace)
        interval *= 1.5
    return {"waiting": True}


print(json.dumps(poll(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
