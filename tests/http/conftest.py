from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.http.calling import Deployment


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(settings)
    yield running
    running.close()
