"""Job types that lie in the directory in which a process is started, as a user's own do."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.system.running import ROOT, environment, free_port, until

SHOP = "from pollable import job_type\n\n\n@job_type\ndef double(number: int) -> int:\n    return 2 * number\n"
SCRIPT = str(Path(sys.executable).with_name("pollable"))


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    "worker", [[SCRIPT, "worker"], [sys.executable, str(ROOT / "worker.py")]], ids=["script", "worker.py"]
)
def test_they_are_found_without_a_path(worker: list[str], processes: str, redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    port = free_port()
    settings = environment(REDIS_URL=redis_url, PORT=str(port), POLLABLE_HOST="127.0.0.1", POLLABLE_JOBS="shop")
    del settings["PYTHONPATH"]
    web = {**settings, "WEB_CONCURRENCY": processes}
    with ExitStack() as stack, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        for command, variables in (([SCRIPT, "serve"], web), (worker, settings)):
            started = stack.enter_context(subprocess.Popen(command, cwd=tmp_path, env=variables))
            stack.callback(started.terminate)
        until(lambda: is_ready(http))
        job_id = http.post("/jobs", json={"type": "double", "payload": 4}).json()["id"]
        until(lambda: http.get(f"/jobs/{job_id}").json()["result"] == 8)


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
