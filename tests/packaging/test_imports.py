"""Which packages of others a web process and a worker load: a new one is a decision."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.running import ROOT, environment

FOUND = """
def loaded():
    import sys
    from importlib.metadata import packages_distributions
    owners = packages_distributions()
    return sorted({
        owner.lower().replace("_", "-")
        for name in {name.partition(".")[0] for name, module in list(sys.modules.items()) if module}
        # What site's .pth files load is the environment's, not ours.
        if name not in ("_distutils_hack", "sitecustomize")
        for owner in owners.get(name, [])
    } - {"pollable"})

def modules():
    import sys
    return sorted(name.removeprefix("pollable.") for name in list(sys.modules) if name.startswith("pollable."))
"""
WEB = """
import asyncio, json
import uvicorn
from pollable.server import application, options
from pollable.settings import from_environment

async def ask(app):
    sent = []
    async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message): sent.append(message)
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/jobs/nothing", "raw_path": b"/jobs/nothing",
             "query_string": b"", "headers": headers, "root_path": ""}
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert sent[0]["status"] == 404, sent

app = application()
config = uvicorn.Config(app, **options(from_environment()))
config.load()
with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
    runner.run(ask(app))
print(json.dumps([loaded(), modules()]))
"""
WORKER = """
import json
from pollable.catalog import deployed
from pollable.settings import from_environment
from pollable.storage.connection import connect
from pollable.worker.attempt import Workshop
from pollable.worker.forking import Worker
from pollable.worker.horse import Stay

settings = from_environment()
workshop = Workshop(settings, deployed(settings))
worker = Worker(list(settings.queues), connection=connect(settings), workshop=workshop, grace_s=3, stay=Stay())
worker.work(burst=True, logging_level="WARNING")
print(json.dumps([loaded(), modules()]))
"""
# redis brings cryptography along wherever it is installed.
SHARED = {"cryptography", "hiredis", "msgspec", "python-ulid", "redis", "rq", "typing-extensions", "uuid-utils"}
ONLY_WEB = {"anyio", "cffi", "click", "httptools", "pyjwt", "starlette", "uvicorn", "uvloop"}
HORSE = """
import json, os
from pathlib import Path
from pollable import job_type

@job_type("look")
def look(path: str) -> None:
    exec(os.environ["FOUND"], globals())
    Path(path).write_text(json.dumps([loaded(), modules()]))
"""


def seen(program: str, redis_url: str, directory: Path, *, jobs: str) -> tuple[set[str], set[str]]:
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": jobs, "FOUND": FOUND}
    variables = environment(**settings)
    variables["PYTHONPATH"] = f"{ROOT / 'service'}:{directory}"
    # It is not there without the extra `tracing`, and redis loads it wherever it is.
    absent = "import sys; sys.modules['opentelemetry'] = None\n"
    command = [sys.executable, "-c", absent + FOUND + program]
    done = subprocess.run(command, env=variables, cwd=directory, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded, modules = json.loads(done.stdout.splitlines()[-1])
    return set(loaded), set(modules)


def of_rooms(modules: set[str], *rooms: str) -> set[str]:
    return {module for module in modules if module.partition(".")[0] in rooms}


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    (tmp_path / "lookjobs.py").write_text(HORSE)
    return tmp_path


def test_the_web_process_loads_these_packages_and_no_other(redis_url: str, jobs: Path) -> None:
    loaded, modules = seen(WEB, redis_url, jobs, jobs="lookjobs")
    assert loaded == SHARED | ONLY_WEB
    assert of_rooms(modules, "api", "cli", "examples", "execution", "testing", "worker") == set()


def test_a_worker_and_its_horse_load_these_packages_and_no_other(redis_url: str, jobs: Path) -> None:
    report = jobs / "horse.json"
    submit = f"""
import asyncio
from pollable.catalog import deployed
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import from_environment
from pollable.storage.connection import connect_async

async def submit():
    settings = from_environment()
    async with connect_async(settings) as redis:
        writer = JobWriter(redis, settings=settings, catalog=deployed(settings), reader=JobReader(redis, settings))
        look = deployed(settings).get("look")
        await writer.submit(Submission(type=look, payload=b'"{report}"', owner="o"))

asyncio.run(submit())
print("[[], []]")
"""
    seen(submit, redis_url, jobs, jobs="lookjobs")
    loaded, modules = seen(WORKER, redis_url, jobs, jobs="lookjobs")
    assert loaded == SHARED
    assert of_rooms(modules, "cli", "examples", "http", "envelopes", "app", "server", "auth") == set()
    horse, _ = json.loads(report.read_text())
    assert set(horse) == SHARED
