import logging
from collections.abc import Iterator

import pytest

from pollable.settings import Settings
from tests.http.calling import Deployment
from tests.http.logged import Log


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(settings)
    yield running
    running.close()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.INFO)
    return Log(caplog)
