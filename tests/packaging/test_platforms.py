"""What platforms are told (docs/platforms.md), run as far as that can be done where none of them is."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pollable.settings import from_environment
from tests.system.running import ROOT, Running, environment, is_ready, procfile_running, until

UV = Path(sys.executable).with_name("uv")
ANALYZE = shutil.which("systemd-analyze")
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def documents(path: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((ROOT / path).read_text()) if document]


@pytest.fixture(scope="module")
def slug(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment made as Heroku's buildpack makes it, from the lock file and nothing else."""
    root = tmp_path_factory.mktemp("slug")
    settings = environment(UV_PROJECT_ENVIRONMENT=str(root), UV_PYTHON=sys.executable)
    command = [str(UV), "sync", "--locked", "--no-default-groups", "--project", str(ROOT), "--quiet"]
    # Built, not linked: linking would write beside the sources.
    subprocess.run([*command, "--no-editable"], env=settings, check=True, timeout=100)
    return root / "bin"


@pytest.fixture
def heroku(slug: Path, redis_url: str, tmp_path: Path) -> Iterator[tuple[Running, dict[str, str]]]:
    """What the Procfile starts with the settings of `app.json`, and that environment."""
    given = {name: entry["value"] for name, entry in json.loads((ROOT / "app.json").read_text())["env"].items()}
    # Refused beside an address without TLS; tests/system/test_tls.py has one with it.
    assert given.pop("POLLABLE_REDIS_TLS_VERIFY") == "false"
    settings = {**given, "REDIS_URL": redis_url, "PATH": f"{slug}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}
    with procfile_running(log=tmp_path / "log", settings=settings) as service:
        yield service, environment(**settings)


def test_what_heroku_installs_runs_a_job_with_the_settings_of_its_app_json(
    heroku: tuple[Running, dict[str, str]], slug: Path
) -> None:
    service, settings = heroku
    create = [str(slug / "pollable"), "tokens", "create", "alice"]
    made = subprocess.run(create, env=settings, check=True, capture_output=True, text=True, timeout=30)
    (token,) = re.findall(r"^\S{30,}$", made.stdout, flags=re.MULTILINE)
    until(lambda: is_ready(service))
    service.http.headers["Authorization"] = f"Bearer {token}"
    text = (ROOT / "service" / "pollable" / "examples" / "texts" / "photosynthesis.txt").read_text()
    job_id = service.submit(text=text, questions=1)
    until(lambda: service.job_status(job_id)["status"] == "finished")


def test_the_python_that_heroku_takes_is_one_that_the_package_allows() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text()


def test_render_starts_what_the_procfile_starts() -> None:
    (blueprint,) = documents("render.yaml")
    services = {service["type"]: service for service in blueprint["services"]}
    assert services["keyvalue"]["maxmemoryPolicy"] == "noeviction"
    assert services["keyvalue"]["ipAllowList"] == []
    for process in ("web", "worker"):
        assert services[process]["startCommand"] == PROCFILE[process]
        told = {entry["key"]: entry.get("value", "redis://red-1:6379") for entry in services[process]["envVars"]}
        assert told.pop("PYTHON_VERSION").startswith((ROOT / ".python-version").read_text().strip() + ".")
        assert from_environment(told).auth == ("tokens",)


@pytest.mark.skipif(ANALYZE is None, reason="There is no systemd-analyze.")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    assert [unit.stem for unit in UNITS] == ["pollable-web", "pollable-worker"]
    for unit in UNITS:
        told = unit.read_text().replace("/opt/pollable/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(told)
    command = [str(ANALYZE), "verify", *(str(tmp_path / unit.name) for unit in UNITS)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_units_start_commands_that_are_there() -> None:
    for unit, command in zip(UNITS, ("serve", "worker"), strict=True):
        assert f"ExecStart=/opt/pollable/bin/python -m pollable {command}\n" in unit.read_text()
    lines = (ROOT / "deploy" / "systemd" / "pollable.env").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert from_environment(told).host == "127.0.0.1"


def test_kubernetes_is_told_what_the_image_has() -> None:
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in documents("deploy/kubernetes/pollable.yaml")}
    assert from_environment({**by_name["ConfigMap", "pollable"]["data"], "PORT": "8000"}).auth == ("tokens",)
    for process in ("web", "worker"):
        deployment = by_name["Deployment", f"pollable-{process}"]["spec"]
        assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
        pod = deployment["template"]["spec"]
        assert f"USER {pod['securityContext']['runAsUser']}\n" in (ROOT / "Dockerfile").read_text()
        # More than the 25 s in which either ends.
        assert pod["terminationGracePeriodSeconds"] > 25
    assert by_name["Service", "pollable"]["spec"]["selector"] == {"app": "pollable", "process": "web"}


def test_the_image_is_of_one_base_and_one_lock() -> None:
    dockerfile, makefile = (ROOT / "Dockerfile").read_text(), (ROOT / "Makefile").read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-trixie@sha256:[0-9a-f]{64}", bases[0])
    assert re.findall(r"uv==(\S+)", dockerfile) == re.findall(r"^UV_VERSION := (\S+)", makefile, flags=re.MULTILINE)
    assert "!uv.lock" in (ROOT / ".dockerignore").read_text()
