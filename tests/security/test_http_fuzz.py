"""The fuzzer in its short form, and that it would see what it looks for."""

import socket

import pytest

from tests.http.wire import heard
from tests.security.fuzzed import service
from tests.security.http_fuzz import SMUGGLED, control, fuzz


def test_whatever_is_sent_is_answered_or_closed_and_nothing_is_smuggled(redis_url: str) -> None:
    with service(redis_url) as port:
        assert fuzz(port, seed=20_261_126, seconds=4) > 20
        # The control: what was to be smuggled is a job where it stands by itself.
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as client:
            client.sendall(SMUGGLED)
            assert heard(client)[0].startswith(b"HTTP/1.1 202 ")
        with pytest.raises(AssertionError):
            control(port)
