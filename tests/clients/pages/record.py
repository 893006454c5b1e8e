"""A client of the page of `record`, as its reader would write it."""

import json
import os
import sys
import time
from typing import Any

import requests


def poll(base: str, job_id: str, pace: float, patience: float) -> dict[str, Any]:
    token = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    began = time.monotonic()
    while time.monotonic() - began < patience:
        answer = requests.get(f"{base}/api/jobs/{job_id}", headers=token, timeout=10)
        if answer.status_code == 404:
            return {"gone": True}
        answer.raise_for_status()
        job = answer.json()
        print(json.dumps(job["status"]), flush=True)
        if job["status"] == "COMPLETED":
            return {"result": job["result"]}
        if job["status"] == "FAILED":
            return {"error": job["error"]}
        time.sleep(3 * pace)
    return {"waiting": True}


print(json.dumps(poll(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
