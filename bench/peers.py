"""The contenders: how each is started, and where its job is read. Their environments are made on demand."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.environments import CONTENDERS, environment
from bench.processes import free_port, running, wait_for
from bench.service import Server, asked, until_answered


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """`makes` names the peer whose application submits the job that this one shows; None: it submits its own.

    In `web` and `worker`, `{port}` and `{redis}` stand for what they are; the first word is the environment's program.
    """

    environment: str
    web: tuple[str, ...]
    poll: str
    worker: tuple[str, ...] = ()
    makes: str | None = None
    settings: dict[str, str] = {}


def _uvicorn(module: str) -> tuple[str, ...]:
    return ("uvicorn", f"{module}:app", "--port", "{port}")


RQ_WORKER = ("rq", "worker", "--url", "{redis}")
CELERY_WORKER = ("celery", "-A", "celery_tasks", "worker", "--loglevel", "INFO")
ARQ_WORKER = ("arq", "fastapi_arq.WorkerSettings")
CELERY_URL = ("--port={port}", "--address=127.0.0.1")

PEERS = {
    "FastAPI + RQ": Peer(environment="fastapi_rq", web=_uvicorn("fastapi_rq"), poll="/jobs/{id}", worker=RQ_WORKER),
    "FastAPI + arq": Peer(environment="fastapi_arq", web=_uvicorn("fastapi_arq"), poll="/jobs/{id}", worker=ARQ_WORKER),
    "FastAPI + Celery": Peer(
        environment="fastapi_celery",
        web=_uvicorn("fastapi_celery"),
        poll="/jobs/{id}",
        worker=(*CELERY_WORKER, "--pool", "solo"),
    ),
    "Flower": Peer(
        environment="flower",
        web=("celery", "-A", "celery_tasks", "flower", *CELERY_URL),
        poll="/api/task/result/{id}",
        makes="FastAPI + Celery",
        settings={"FLOWER_UNAUTHENTICATED_API": "true"},
    ),
    "rq-dashboard": Peer(
        environment="rq_dashboard",
        web=("rq-dashboard", "--bind", "127.0.0.1", "--port", "{port}", "--redis-url", "{redis}"),
        poll="/0/data/job/{id}.json",
        makes="FastAPI + RQ",
    ),
}
# Its dependencies were 6.8 GB, past the 3 GB that one contender may take.
NOT_RUN = {"docling-serve": "its environment takes 6.8 GB"}


def command(peer: Peer, words: tuple[str, ...], redis_url: str, port: int = 0) -> list[str]:
    """With the program's path, the port and the Redis filled in. Raises `Failed`."""
    program, *rest = (word.format(port=port, redis=redis_url) for word in words)
    return [str(environment(peer.environment) / program), *rest]


@contextmanager
def peer_web(name: str, redis_url: str) -> Iterator[Server]:
    """Its web process. Raises `Failed`."""
    peer, port = PEERS[name], free_port()
    settings = {"REDIS_URL": redis_url} | peer.settings
    with running(command(peer, peer.web, redis_url, port), settings, cwd=CONTENDERS) as process:
        wait_for(port, process)
        yield Server(port, process.pid)


@contextmanager
def peer_worker(name: str, redis_url: str, words: tuple[str, ...] | None = None) -> Iterator[int]:
    """Its worker, or one that these words start. Raises `Failed`."""
    peer = PEERS[name]
    started = command(peer, words or peer.worker, redis_url)
    with running(started, {"REDIS_URL": redis_url}, cwd=CONTENDERS) as process:
        yield process.pid


def made(server: Server, size: int) -> str:
    """The id of a job that was submitted to one of the applications. Raises `Failed`."""
    return str(json.loads(asked(server, "/jobs", {"size": size}))["job_id"])


def ended(name: str, server: Server, redis_url: str, *sizes: int) -> list[str]:
    """Jobs of that application that its worker has run to their end. Raises `Failed`."""
    ids = [made(server, size) for size in sizes]
    with peer_worker(name, redis_url):
        for job_id, size in zip(ids, sizes, strict=True):
            until_answered(server, PEERS[name].poll.format(id=job_id), b"x" * size)
    return ids


@contextmanager
def constant(server: str) -> Iterator[Server]:
    """The bare answer, under uvicorn or granian."""
    port = free_port()
    # The uvicorn is the one that serves Pollable.
    where = Path(sys.executable).parent if server == "uvicorn" else environment("granian")
    words = {
        "uvicorn": ["constant:app", "--port", str(port), "--no-access-log", "--log-level", "error"],
        "granian": ["constant:app", "--port", str(port), "--interface", "asginl", "--no-access-log", "--no-ws"],
    }[server]
    with running([str(where / server), *words], {}, cwd=CONTENDERS) as process:
        wait_for(port, process)
        time.sleep(0.2)
        yield Server(port, process.pid)
