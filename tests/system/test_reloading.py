"""`pollable dev` takes job types as they are now written."""

import sys
from pathlib import Path

from tests.system.running import ROOT, Running, free_port, is_ready, running, until

SHOP = "from pollable import job_type\n\n\n@job_type\ndef change(number: int) -> int:\n    return {} * number\n"


def result_of_one(service: Running) -> object:
    job_id = service.http.post("/jobs", json={"type": "change", "payload": 1}).json()["id"]
    until(lambda: service.http.get(f"/jobs/{job_id}").json()["completedAt"])
    return service.http.get(f"/jobs/{job_id}").json()["result"]


def test_dev_loads_a_changed_job_module_again_and_waits_where_it_is_broken(redis_url: str, tmp_path: Path) -> None:
    shop = tmp_path / "shop.py"
    shop.write_text(SHOP.format(2))
    port = free_port()
    command = [sys.executable, "-m", "pollable", "dev", "--port", str(port), "--jobs", "shop"]
    settings = {"REDIS_URL": redis_url, "PYTHONPATH": f"{ROOT / 'service'}:{tmp_path}", "PYTHONUNBUFFERED": "1"}
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as service:
        until(lambda: "Ctrl-C ends it" in service.log)
        assert is_ready(service)
        assert result_of_one(service) == 2
        shop.write_text(f"{SHOP.format(3)}broken(")
        until(lambda: "tried again after the next change" in service.log)
        shop.write_text(SHOP.format(4))
        until(lambda: " again\n" in service.log)
        assert result_of_one(service) == 4
        assert service.stop() == 0
