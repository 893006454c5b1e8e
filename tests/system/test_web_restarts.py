"""Web processes that are stopped, replaced and killed while callers ask: whose request is lost, and what is left."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from functools import partial

import pytest

from tests.system.load import POLL, SUBMIT, Load, load
from tests.system.running import Running, listens, until
from tests.system.web import Connection, Webs, hung_up, is_taken, port_of, serving, webs
from tests.worker.waiting import is_alive

__all__ = ["webs"]

ENOUGH = 200
"""Answers before something is done to the processes: every caller is in the midst of it."""
# What has been sent when the process is told to end, and what follows.
HALVES = {"of a head": (POLL[:20], POLL[20:]), "of a body": (SUBMIT[:-1], SUBMIT[-1:])}


def in_full_swing(asking: Load) -> None:
    answered = asking.answered
    until(lambda: asking.answered > answered + ENOUGH, within_s=30)


@pytest.mark.parametrize("processes", [1, 2], ids=["one", "two"])
def test_sigterm_resets_no_request(webs: Webs, processes: int) -> None:
    web = webs.start(processes)
    with load(web.url) as asking:
        in_full_swing(asking)
        assert web.stop() == 0
        assert not is_taken(port_of(web))
    assert not asking.broken
    assert web.log.count("Finished server process") == processes


@pytest.mark.parametrize("processes", [1, 2], ids=["one", "two"])
def test_what_had_begun_to_come_at_a_stop_is_answered_and_the_rest_told(webs: Webs, processes: int) -> None:
    web = webs.start(processes)
    with ExitStack() as stack:
        halves = [(stack.enter_context(Connection(web)), *half) for half in HALVES.values()]
        new, keeping, silent = (stack.enter_context(Connection(web)) for _ in range(3))
        for each in (keeping, silent):
            each.send(POLL)
            assert b"\r\nconnection: close" not in each.answer()[1]
        for each, before, _ in halves:
            each.send(before)
        # As Ctrl-C does; all others here send SIGTERM.
        web.process.send_signal(signal.SIGINT)
        # It has noticed, and its port is closed or about to be.
        time.sleep(0.5)
        for each in (new, keeping):
            answered_for_the_last_time(each, POLL)
        assert silent.is_closed()
        for each, _, after in halves:
            answered_for_the_last_time(each, after)
    assert web.process.wait(30) == 0
    assert "Traceback" not in web.log


def answered_for_the_last_time(caller: Connection, rest: bytes) -> None:
    caller.send(rest)
    status, head = caller.answer()
    assert status in (200, 202)
    assert b"\r\nconnection: close" in head
    assert caller.is_closed()


def test_sighup_replaces_one_process_after_the_other(webs: Webs) -> None:
    web = webs.start(2)
    old = serving(web)
    with load(web.url) as asking:
        in_full_swing(asking)
        for _ in range(2):
            with hung_up(web):
                before = asking.answered
            in_between = asking.answered - before
            assert in_between > ENOUGH
    assert (asking.broken, asking.counts["refused"]) == ({}, 0)
    assert not any(is_alive(pid) for pid in old)
    # Each new one served before an old one was told to end.
    told = [line for line in web.log.splitlines() if "startup complete" in line or "Shutting down" in line]
    assert ["startup" in line for line in told] == [True, True] + [True, False] * 4
    assert web.stop() == 0


def test_sigterm_ends_a_replacement_that_is_under_way(webs: Webs) -> None:
    web = webs.start(2)
    with load(web.url) as asking:
        in_full_swing(asking)
        web.process.send_signal(signal.SIGHUP)
        until(lambda: "one after the other" in web.log)
        assert web.stop() == 0
    assert not asking.broken
    assert not serving(web)


RELEASE = "from tests.system.patient import nap"
BREAKS = ["raise ValueError('not yet')", "import os\nos._exit(7)", ""]


def test_a_replacement_that_cannot_start_replaces_nothing(webs: Webs) -> None:
    module = webs.directory / "release.py"
    module.write_text(RELEASE)
    web = webs.start(2, POLLABLE_JOBS="release")
    old = serving(web)
    with load(web.url) as asking:
        for number, broken in enumerate(BREAKS, start=1):
            module.write_text(broken)
            web.process.send_signal(signal.SIGHUP)
            until(partial(has_logged, web, "served; the old ones go on", times=number), within_s=30)
            assert serving(web) == old
        in_full_swing(asking)
        module.write_text(RELEASE)
        with hung_up(web):
            pass
    assert (asking.broken, asking.counts["refused"]) == ({}, 0)
    assert web.stop() == 0


def has_logged(web: Running, text: str, *, times: int) -> bool:
    return web.log.count(text) == times


def has_replaced(web: Running, pid: int) -> bool:
    return len(serving(web)) == 2 and pid not in serving(web)


def test_a_process_that_ends_is_replaced(webs: Webs) -> None:
    web = webs.start(2)
    with load(web.url) as asking:
        for number in (signal.SIGTERM, signal.SIGKILL):
            # Whom a kill -9 cuts off is lost; nobody else.
            assert not asking.broken
            first, second = serving(web)
            in_full_swing(asking)
            os.kill(first, number)
            until(partial(has_replaced, web, first), within_s=30)
            assert second in serving(web)
        in_full_swing(asking)
    assert asking.counts["refused"] == 0
    assert asking.counts["reset"] <= asking.callers
    assert web.stop() == 0


def test_a_killed_parent_leaves_nobody_on_the_port(webs: Webs) -> None:
    web = webs.start(2)
    children = serving(web)
    with load(web.url) as asking:
        in_full_swing(asking)
        web.process.kill()
        web.process.wait()
        until(lambda: not is_taken(port_of(web)), within_s=10)
        until(lambda: not any(is_alive(pid) for pid in children))
    assert not asking.broken


# 3 s for 30 s.
IMPATIENT = "from pollable.cli import commands, web_processes as w; w.SILENT_LOOKS = 30; commands.commands()"


def test_a_process_that_does_not_get_on_is_replaced(webs: Webs) -> None:
    web = webs.start(2, command=[sys.executable, "-c", IMPATIENT, "serve"])
    frozen, other = serving(web)
    os.kill(frozen, signal.SIGSTOP)
    until(partial(has_replaced, web, frozen), within_s=60)
    assert other in serving(web)
    assert f"web process {frozen} has been silent" in web.log
    os.kill(other, signal.SIGSTOP)
    assert web.stop() == 0


def test_of_two_that_begin_at_once_one_serves_and_one_names_the_port(webs: Webs) -> None:
    first = webs.begin(2)
    second = webs.begin(1, PORT=str(port_of(first)))
    until(lambda: any(web.process.poll() is not None for web in (first, second)), within_s=30)
    loser, winner = (first, second) if first.process.poll() is not None else (second, first)
    assert loser.process.wait() == 3
    assert loser.log.endswith(f":{port_of(first)} (POLLABLE_HOST, PORT): Address already in use.\n")
    until(lambda: listens(winner))
