"""A client of the page of `managed`, as its reader would write it: `error` beside `data` says that there is no job."""

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
        body = requests.get(f"{base}/v1/api/jobs/{job_id}", headers=token, timeout=10).json()
        if body["error"] is not None:
            return {"gone": True}
        job = body["data"]
        print(json.dumps(job["status"]), flush=True)
        if job["status"] == "completed":
            return {"result": job["result"]}
        if job["status"] == "failed":
            return {"error": job["result"]["error"]}
        if job["status"] == "cancelled":
            return {"cancelled": True}
        assert 0 <= job["progress"] <= 100
        time.sleep(5 * pace)
    return {"waiting": True}


print(json.dumps(poll(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
