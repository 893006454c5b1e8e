"""A real Prometheus with the files of deploy/prometheus, and what its own HTTP API says."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.running import ROOT, Running, answers, free_port, running, until

FILES = ROOT / "deploy" / "prometheus"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed (Debian: prometheus)"
)


class Prometheus:
    """One on loopback, that scrapes every second, and its HTTP API."""

    def __init__(self, service: Running) -> None:
        self._service = service

    def ask(self, question: str) -> list[dict[str, Any]]:
        answer = self._service.http.get("/api/v1/query", params={"query": question})
        assert answer.status_code == 200, f"{question}: {answer.text}"
        return list(answer.json()["data"]["result"])

    def number(self, question: str) -> float:
        return sum(float(each["value"][1]) for each in self.ask(question))

    def rules(self) -> list[dict[str, Any]]:
        groups = self._service.http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def scraping(target: Running, directory: Path, *, token: Path | None = None) -> Iterator[Prometheus]:
    """One that is told what prometheus.yml says but for the target, the token's file and how often; None: no token."""
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"] = [{"targets": [target.url.removeprefix("http://")]}]
    if token is None:
        del scrape["authorization"]
    else:
        scrape["authorization"]["credentials_file"] = str(token)
    path = directory / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    shutil.copy(FILES / "alerts.yml", directory)
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data"]
    command.append(f"--web.listen-address={address}")
    with running(command, url=f"http://{address}", log=directory / "prometheus.log", settings={}) as started:
        until(lambda: answers(started, "/-/ready"))
        yield Prometheus(started)
