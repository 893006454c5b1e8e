"""A document's commands and what it shows as their output; whether live output is the same but for ids and moments."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.system.running import ROOT, environment, until

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(
    r"job_[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![-\w])[0-9a-f]{12}(?![-\w])"
)
# What is another each time: ids, moments, cursors, ETags, tokens and theirs.
VARYING = re.compile(
    rf"\d+_(?:{ID.pattern})|{ID.pattern}|\d{{4}}-\d\d-\d\d(?:T[\d:.]+Z)?|\b[0-9a-f]{{16}}\b|pbl_\w+|\b[0-9a-f]{{12}}\b"
    # Python 3.13 calls 422 by its newer name (RFC 9110).
    r"|(?<=HTTP/1.1 422 ).*"
)
CUT = "…"


class Step(msgspec.Struct, frozen=True):
    """One command and the output that the document shows for it."""

    command: str
    shown: str

    @property
    def only_reads(self) -> bool:
        """Whether it may be asked again until the job has come as far as the document shows."""
        is_repeatable = "Idempotency-Key" in self.command or not re.search(r" -(X|d) ", self.command)
        return self.command.startswith("curl") and is_repeatable

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outputs that may come: of a running job that is cancelled also that it has stopped already."""
        if self.command.endswith("/cancel") and "202 Accepted" in self.shown:
            return (self.shown, stopped(self.shown))
        return (self.shown,)


def stopped(shown: str) -> str:
    """What `native` answers to a cancel if the job has stopped by then, from its answer if it is still running."""
    job = json.loads(shown.splitlines()[-1])
    job |= {"status": "cancelled", "completedAt": job["updatedAt"], "expiresAt": job["updatedAt"]}
    job["links"] |= {"cancel": None, "rerun": f"{job['links']['self']}/rerun"}
    return f"HTTP/1.1 200 OK\n{json.dumps(job)}"


def sections(document: str) -> Iterator[tuple[str, list[Step]]]:
    """Titles of the second order, with the steps below them."""
    for part in re.split(r"^## ", document, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        yield title, [step for language, fence in FENCE.findall(text) if not language for step in steps(fence)]


def steps(fence: str) -> Iterator[Step]:
    for part in re.split(r"^\$ ", fence, flags=re.MULTILINE)[1:]:
        command, _, shown = re.sub(r"\\\n *", "", part).partition("\n")
        yield Step(command, shown.strip())


class Replay:
    """Runs steps one after the other against a service; ids that the document shows become those of live jobs."""

    def __init__(self, url: str, **settings: str) -> None:
        self.addresses = {"http://127.0.0.1:8000": url}
        self.directory = ROOT
        self.settings = settings
        self._ids: dict[str, str] = {}

    def run(self, command: str) -> str:
        live = ID.sub(lambda found: self._ids.get(found[0], found[0]), command)
        for shown, address in self.addresses.items():
            live = live.replace(shown, address)
        live = live.replace("curl ", "curl -sS ", 1)
        ended = subprocess.run(
            ["sh", "-c", live],
            cwd=self.directory,
            env=environment(no_proxy="*", **self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
        )
        return ended.stdout

    def check(self, step: Step) -> None:
        """Fails where the live output is not what the document shows."""
        if step.only_reads:
            until(lambda: self._fits(step.shown, self.run(step.command)), within_s=45)
            return
        output = self.run(step.command)
        fits = any(self._fits(shown, output) for shown in step.outcomes)
        assert fits, f"{step.command}\n{step.shown}\nis:\n{output}"

    def _fits(self, shown: str, live: str) -> bool:
        *heads, body = shown.splitlines() or [""]
        *live_heads, live_body = live.strip().splitlines() or [""]
        if not body.startswith("{") or body.endswith(CUT):
            heads, live_heads, body, live_body = [*heads, body], [*live_heads, live_body], "null", "null"
        lines = (line for line in live_heads if line)
        # Of the headers a document shows some.
        heads_fit = all(any(self._text_fits(head, line) for line in lines) for head in heads if head)
        return heads_fit and live_body[:1] == body[:1] and self._fits_json(json.loads(body), json.loads(live_body))

    def _fits_json(self, shown: Any, live: Any) -> bool:
        if isinstance(shown, dict) and isinstance(live, dict):
            return [*shown] == [*live] and all(self._fits_json(shown[key], live[key]) for key in shown)
        if isinstance(shown, list) and isinstance(live, list):
            is_cut = shown[-1:] == [CUT]
            whole = shown[:-1] if is_cut else shown
            fit = all(map(self._fits_json, whole, live))
            return fit and (len(live) > len(whole) if is_cut else len(live) == len(whole))
        if isinstance(shown, str) and isinstance(live, str):
            return self._text_fits(shown, live)
        return bool(shown == live)

    def _text_fits(self, shown: str, live: str) -> bool:
        whole = shown.removesuffix(CUT)
        ours, theirs = VARYING.sub("*", whole), VARYING.sub("*", live)
        if ours != theirs and not (shown.endswith(CUT) and theirs.startswith(ours)):
            return False
        self._ids.update(zip(ID.findall(whole), ID.findall(live), strict=False))
        return True
