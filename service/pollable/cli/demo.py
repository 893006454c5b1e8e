"""The demonstration: one real job from the submit to the end of its result, step by step on the terminal."""

import contextlib
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import IO, Any

import click

from pollable import examples
from pollable.cli import EXAMPLES, embedded, stack
from pollable.cli.requests import Api

TEXT = Path(*examples.__path__) / "texts" / "photosynthesis.txt"
EXAMPLE = (
    '{"text": "Chlorophyll is the green pigment that absorbs light. Oxygen is the gas that leaves release. '
    'Sugar is the food that plants store."}'
)
QUESTIONS = 8
# Without a rest after each question the job would be over before one sees it run.
PACE_S = 0.4
JOB_S = 120.0
EXPIRY_S = 30.0
BAR_WIDTH = 30


def run(text: Path | None, *, once: bool) -> None:
    """Show it all, then serve until Ctrl-C, or end if `once`. Raises `ClickException` where a step fails."""
    stack.end_orderly_on_sigterm()
    name, words = _read(text)
    redis = embedded.start(None)
    try:
        url = f"http://127.0.0.1:{stack.free_port(8000)}"
        click.echo(f"Redis    {redis.description}")
        with tempfile.TemporaryFile() as log:
            _show(redis, url, name=name, text=words, log=log)
        if not once:
            with contextlib.suppress(KeyboardInterrupt):
                _serve(redis, url)
    finally:
        redis.close()


def _show(redis: stack.AnyRedis, url: str, *, name: str, text: str, log: IO[bytes]) -> None:
    # The second module gives the job type a result that lives for seconds.
    jobs = "pollable.examples.assessment,pollable.examples.demo"
    running = stack.start(redis, _environment(url, jobs=jobs), output=log)
    try:
        _wait_until_ready(running, url, log=log)
        click.echo(f"Service  {url}, with one worker; callers read an unexpected exception's text")
        api = Api(url)
        job_id = _submit(api, name=name, text=text)
        _watch(api, job_id)
        _print_questions(api, job_id)
        _wait_for_null(api, job_id)
    finally:
        running.stop()


def _serve(redis: stack.AnyRedis, url: str) -> None:
    running = stack.start(redis, _environment(url, jobs=EXAMPLES))
    try:
        stack.wait_until_ready(running, url)
        click.echo(f"\nThe service is up at {click.style(url, bold=True)}. Try, in another terminal:\n")
        click.echo(f"  curl -H 'Content-Type: application/json' -d '{EXAMPLE}' {url}/generate_assessment")
        click.echo(f"  curl '{url}/job_status?job_id=...'\n\nCtrl-C ends it.")
        stack.wait_until_ended(running)
    finally:
        running.stop()


def _wait_until_ready(running: stack.Stack, url: str, *, log: IO[bytes]) -> None:
    try:
        stack.wait_until_ready(running, url)
    except click.ClickException:
        log.seek(0)
        for line in log.read().decode(errors="replace").splitlines()[-20:]:
            click.echo(line, err=True)
        raise


def _submit(api: Api, *, name: str, text: str) -> str:
    _step(f"Submit {name} ({len(text.split()):,} words): POST /generate_assessment")
    answer = api.post("/generate_assessment", {"text": text, "questions": QUESTIONS, "pace_s": PACE_S})
    click.echo(f"   {answer.status} {answer.body.decode()}")
    if answer.status != 202:
        raise click.ClickException(f"The submit was refused with {answer.status}.")
    return str(answer.json()["job_id"])


def _watch(api: Api, job_id: str) -> None:
    _step(f"It runs: GET /jobs/{job_id}")
    bar, deadline = Bar(), time.monotonic() + JOB_S
    while time.monotonic() < deadline:
        job = api.get(f"/jobs/{job_id}").json()
        bar.show(job["status"], percent=job["progress"]["percent"], message=job["progress"]["message"] or "")
        if job["status"] == "succeeded":
            return bar.end()
        if job["status"] in ("failed", "cancelled"):
            bar.end()
            raise click.ClickException(f"The job ended as {job['status']}: {job['error']['message']}")
        time.sleep(0.1)
    raise click.ClickException(f"The job did not end within {JOB_S:.0f} s.")


def _print_questions(api: Api, job_id: str) -> None:
    _step(f"It has finished: GET /job_status?job_id={job_id}")
    status = api.get(f"/job_status?job_id={job_id}").json()
    if status.get("status") != "finished" or not status["result"]["mcqs"]:
        raise click.ClickException(f"No questions: {status}")
    for number, question in enumerate(status["result"]["mcqs"], start=1):
        _print_question(number, question)


def _print_question(number: int, question: dict[str, Any]) -> None:
    click.echo(_wrapped(f"{number}. {question['question']} ({question['bloom_level']})", indent=3, hanging=3))
    for letter, option in zip("abcdef", question["options"], strict=False):
        right = option == question["correct_answer"]
        click.echo(click.style(f"      {letter}) {option}{'   <- correct' if right else ''}", bold=right))
    click.echo(click.style(_wrapped(question["explanation"], indent=6), dim=True) + "\n")


def _wait_for_null(api: Api, job_id: str) -> None:
    _step("The result is kept for some seconds; then the job is gone: GET /job_status again")
    deadline = time.monotonic() + EXPIRY_S
    while time.monotonic() < deadline:
        answer = api.get(f"/job_status?job_id={job_id}")
        body = answer.body.decode()
        click.echo(f"   {time.strftime('%H:%M:%S')}  {answer.status} {body if len(body) < 60 else body[:57] + '...'}")
        if answer.json() == {"status": None}:
            return
        time.sleep(1)
    raise click.ClickException(f"The job is still there after {EXPIRY_S:.0f} s.")


class Bar:
    """A progress bar that redraws one line of a terminal; elsewhere, a line for every change worth one."""

    def __init__(self) -> None:
        self._redraws = sys.stdout.isatty()
        self._shown = ""

    def show(self, status: str, *, percent: int, message: str) -> None:
        """Draw it if it looks different than before."""
        filled = round(BAR_WIDTH * percent / 100)
        line = f"   [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {percent:3} %  {status}"
        if self._redraws:
            click.echo(f"\r{line}  {message:40.40}", nl=False)
        elif line != self._shown:
            click.echo(f"{line}  {message}".rstrip())
        self._shown = line

    def end(self) -> None:
        """Leave the line."""
        if self._redraws:
            click.echo()


def _read(path: Path | None) -> tuple[str, str]:
    path = path or TEXT
    return path.name, path.read_text(encoding="utf-8", errors="replace")


def _environment(url: str, *, jobs: str) -> dict[str, str]:
    port = url.rpartition(":")[2]
    ours = {"POLLABLE_HOST": "127.0.0.1", "POLLABLE_AUTH": "none", "POLLABLE_EXPOSE_ERRORS": "true"}
    return stack.pristine(PORT=port, POLLABLE_JOBS=jobs, **ours)


def _step(title: str) -> None:
    click.echo(click.style(f"\n{title}\n", bold=True))


def _wrapped(text: str, *, indent: int, hanging: int = 0) -> str:
    return textwrap.fill(text, 100, initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging))
