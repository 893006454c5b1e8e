from collections.abc import Iterator

import pytest

from pollable.settings import Settings
from tests.contracts.working import CATALOG
from tests.http.calling import Deployment


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    """Types that may be tried three times, each with the route of its page."""
    running = Deployment(settings, catalog=CATALOG)
    yield running
    running.close()
