from collections.abc import Iterator

import pytest

from pollable.settings import Settings
from tests.http.calling import Deployment


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(settings)
    yield running
    running.close()
