from collections.abc import Iterator

import pytest

from pollable.settings import Settings
from tests.api.faces import Faces


@pytest.fixture
def faces(settings: Settings) -> Iterator[Faces]:
    made = Faces(settings)
    yield made
    made.close()
