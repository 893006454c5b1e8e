"""Two services behind nginx, configured as docs/deploying.md has it, each restarted in turn while callers ask."""

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.system.load import POLL, SUBMIT, load
from tests.system.running import ROOT, Running, free_port, listens, running, until
from tests.system.web import Webs, port_of, webs

__all__ = ["webs"]

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
SNIPPET = re.search(r"```nginx\n(upstream .*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
RESTARTS = 4
A_SECOND = 50
"""Requests, at least."""
# What the document leaves to the installation.
AROUND = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {snippet}
}}
"""
# What a page under the service's name hears of the job in its query.
PAGE = """<!doctype html><title>events</title><script>
  const say = (what) => fetch("/said?" + what);
  const source = new EventSource("/jobs/" + location.search.slice(1) + "/events");
  source.addEventListener("job", (event) => say(JSON.parse(event.data).status));
  source.addEventListener("end", () => say("end"));
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "closed" : "again");
</script>"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="There is no nginx.")


@pytest.fixture
def two(webs: Webs) -> list[Running]:
    return [webs.start() for _ in range(2)]


@pytest.fixture
def nginx(two: list[Running], tmp_path: Path) -> Iterator[Running]:
    with in_front(two, tmp_path) as proxy:
        yield proxy


@contextmanager
def in_front(two: list[Running], place: Path) -> Iterator[Running]:
    """The documented nginx; what it writes is in the folder `nginx` there."""
    assert SNIPPET is not None
    assert NGINX is not None
    port = free_port()
    addresses = {"127.0.0.1:8000": port_of(two[0]), "127.0.0.1:8001": port_of(two[1])}
    snippet = SNIPPET[1].replace("listen 80;", f"listen 127.0.0.1:{port};")
    for address, own in addresses.items():
        assert address in snippet
        snippet = snippet.replace(address, f"127.0.0.1:{own}")
    directory = place / "nginx"
    directory.mkdir()
    said = f"location = /said {{ access_log {directory}/said.log; return 204; }}"
    page = f"location = /page {{ default_type text/html; return 200 '{PAGE}'; }}"
    snippet = snippet.replace("location / {", f"{page} {said} location / {{")
    configuration = directory / "nginx.conf"
    configuration.write_text(AROUND.format(directory=directory, snippet=snippet))
    command = [NGINX, "-p", str(directory), "-c", str(configuration), "-e", "stderr"]
    with running(command, url=f"http://127.0.0.1:{port}", log=place / "nginx.log", settings={}) as proxy:
        until(lambda: listens(proxy))
        yield proxy


def test_nobody_notices_that_each_is_restarted(webs: Webs, two: list[Running], nginx: Running) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        asking = [stack.enter_context(load(nginx.url, request=each, kept=2, single=2)) for each in (POLL, SUBMIT)]
        for number in range(RESTARTS):
            old = two[number % 2]
            assert old.stop() == 0
            two[number % 2] = webs.start(PORT=str(port_of(old)))
    counts = sum((each.counts for each in asking), Counter[str]())
    assert list(counts) == ["answered"], (counts, nginx.log)
    assert counts["answered"] > A_SECOND * (time.monotonic() - began)
