"""The worker process: settings, job types, queues; then shifts."""

import sys
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

from pollable import catalog, logs
from pollable.cli.crew import Crew
from pollable.cli.health import Health
from pollable.cli.shift import Shift
from pollable.errors import SettingsError
from pollable.settings import ENVELOPES, Settings, check_queues, values
from pollable.worker.attempt import Workshop
from pollable.worker.context import fields_of_job
from pollable.worker.horse import Stay


def work(
    settings: Settings,
    *,
    queues: str | None,
    workers: int,
    grace_s: float,
    simple: bool,
    stay: Stay,
    health: Path | None,
) -> int:
    """Run jobs until SIGTERM or SIGINT, `workers` at a time; the exit code. Raises `SettingsError` before it takes any.

    `queues` are some of the deployment's, with commas, in priority order; None means all. `stay` is for how many jobs a
    process is, where it is not the worker's own (`simple`). `health` is a file.
    """
    logs.configure(settings, running=fields_of_job)
    # Before forking: a job type is imported once, not once a job.
    workshop = Workshop(settings, _job_types(settings))
    names = _queues(queues, settings)
    _print_line_by_line()
    shift = Shift(workshop, names, simple=simple, stay=stay, grace_s=grace_s)
    signs = Health(health, size=workers)
    with signs.shown():
        return shift.work(signs.pulse(0)) if workers == 1 else Crew(shift, size=workers, health=signs).work()


def _print_line_by_line() -> None:
    # Into a pipe or a file Python prints by the block: nobody would read what a job said that hangs, or was killed.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _job_types(settings: Settings) -> catalog.Catalog:
    types = catalog.deployed(settings)
    # What a deployment's own envelope is called says its module, which is for the web process to import.
    own = [name for name in settings.envelopes if name not in ENVELOPES]
    for name in own:
        if not _is_there(name):
            raise SettingsError(
                f"POLLABLE_ENVELOPES names {name!r}, which cannot be imported: there is no such module."
            )
    if not own:
        catalog.check_envelopes_of(types, ENVELOPES)
    return types


def _queues(given: str | None, settings: Settings) -> list[str]:
    names = list(settings.queues) if given is None else values.listed("--queues", given)
    values.require_distinct("--queues", names)
    check_queues("--queues", names)
    for name in names:
        # Nobody would look for the lost jobs of another queue.
        if name not in settings.queues:
            raise SettingsError(
                f"--queues names {name!r}, which is not in POLLABLE_QUEUES ({','.join(settings.queues)})."
            )
    return names


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except Exception:
        return False
