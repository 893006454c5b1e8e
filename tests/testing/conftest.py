from collections.abc import Callable

import pytest

import pollable.testing.machines
import pollable.testing.service
from pollable import catalog
from pollable.catalog import Catalog
from pollable.envelopes.registry import load_envelopes
from pollable.settings import ENVELOPES

assert pollable.testing.machines
assert pollable.testing.service
# pytester forgets each module that an inner run loads first: of these there would be two.
load_envelopes(ENVELOPES)

SHOP = """
import signal, threading
from pollable import JobError, job_context, job_type, worker_init

begun = []

@worker_init
def begin():
    begun.append(threading.current_thread())

@job_type
def double(number: int) -> int:
    return 2 * number

@job_type
def where(_: None) -> str:
    return threading.current_thread().name

@job_type
async def later(number: int) -> int:
    return number + 1

@job_type(max_attempts=3, retry_delays_s=(30, 60))
def flaky(good_at: int) -> int:
    attempt = job_context().attempt
    if attempt < good_at:
        raise RuntimeError("not yet")
    return attempt

@job_type(timeout_s=1)
def slow(_: None) -> None:
    while True:
        pass

@job_type
def wrong(_: None) -> None:
    raise JobError("too_long", "That is too long.")
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture(autouse=True)
def _own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the inner tests register is registered in no other test."""
    monkeypatch.setattr(catalog, "registered", Catalog())


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run tests beside `shop.py`, in this process."""

    def run(tests: str, *arguments: str, ini: str = "pollable_jobs = shop", shop: str = SHOP) -> pytest.RunResult:
        pytester.makepyfile(shop=shop, test_shop=tests)
        pytester.makeini(f"[pytest]\npythonpath = .\nfilterwarnings = error\n{ini}\n")
        return pytester.runpytest_inprocess("-p", "no:xdist", *arguments)

    return run
