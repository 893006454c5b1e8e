"""docs/existing-rq.md by its own files and commands, step after step, where nothing but the wheel is installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from pollable.cli.embedded import Private
from tests.jobs.workbench import until
from tests.neighbour.page import Reader, parts
from tests.system.running import ROOT

PAGE = (ROOT / "docs" / "existing-rq.md").read_text()
CHAPTERS = dict(parts(PAGE))
# A night is long.
CHANGES = {'cron="0 3 * * *"': "interval=3600"}


@pytest.fixture(scope="module")
def redis(redis_program: Path) -> Iterator[Redis]:
    server = Private(redis_program)
    with Redis.from_url(server.url) as client:
        yield client
    server.close()


@pytest.fixture(scope="module")
def url(redis: Redis) -> str:
    return f"unix://{redis.connection_pool.connection_kwargs['path']}"


@pytest.fixture(scope="module")
def reader(url: str, path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    if shutil.which("curl") is None:
        pytest.skip("The page's commands need curl.")
    made = Reader(tmp_path_factory.mktemp("page"), document=PAGE, redis_url=url, path=path)
    yield made
    made.leave()
    print(made.log())


@pytest.mark.parametrize("title", CHAPTERS)
def test_a_step_does_what_the_page_shows(reader: Reader, title: str) -> None:
    reader.follow(CHAPTERS[title], changes=CHANGES)


def test_there_are_five_steps() -> None:
    assert [title[:2] for title in CHAPTERS][1:] == ["1.", "2.", "3.", "4.", "5."]


def test_what_cron_enqueues_submits_a_job(reader: Reader, redis: Redis) -> None:
    found: Any = until(lambda: redis.zrange("rq:finished:cron", 0, -1), lambda ids: len(ids) == 1)
    (job_id,) = found
    assert redis.hget(f"rq:job:{job_id.decode()}", "description") == b"nightly.submit_report('2026-10')"
    assert "Successfully registered 1 cron jobs" in reader.log()


def test_workers_cannot_import_what_cron_was_given_by_an_absolute_path(
    reader: Reader, redis: Redis, url: str, path: str
) -> None:
    nightly = reader.directory / "elsewhere" / "later.py"
    nightly.parent.mkdir()
    nightly.write_text((reader.directory / "nightly.py").read_text().replace('"cron"', '"later"'))
    settings: dict[str, Any] = {"cwd": reader.directory, "env": {"PATH": path}, "text": True}
    cron = subprocess.Popen(["sh", "-c", f"exec rq cron -u {url} {nightly}"], **settings)
    until(lambda: redis.llen("rq:queue:later"), lambda number: number == 1)
    cron.terminate()
    cron.wait()
    command = f"rq worker --burst -u {url} later"
    told = subprocess.run(["sh", "-c", command], **settings, capture_output=True, timeout=60)
    assert "Invalid attribute name: rq_cron_config_later_py.submit_report" in told.stderr
