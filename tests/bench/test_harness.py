"""The benchmark's own arithmetic, without any timing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import documents, machine, results, rounds
from bench.__main__ import measured
from bench.cores import parted
from bench.environments import CONTENDERS
from bench.figures import Row, beside, percentile, series
from bench.load import parsed
from bench.measures import MEASURES, Measure
from bench.peers import PEERS
from bench.rounds import Failed
from bench.tables import TABLES

ROOT = Path(__file__).parents[2]
WRK = """Running 1s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.40ms  401.10us   8.95ms   90.88%
  50412 requests in 1.10s, 9.62MB read
{trouble}Requests/sec:  45871.66
Transfer/sec:      8.75MB
"""
REFUSED = "  Non-2xx or 3xx responses: 7\n"
BROKEN = "  Socket errors: connect 1, read 2, write 3, timeout 4\n"


@pytest.mark.parametrize(
    ("trouble", "errors"),
    [
        pytest.param("", 0, id="none"),
        pytest.param(REFUSED, 7, id="refused"),
        pytest.param(BROKEN, 10, id="broken"),
        pytest.param(BROKEN + REFUSED, 17, id="both"),
    ],
)
def test_what_wrk_says_is_read(trouble: str, errors: int) -> None:
    load = parsed(WRK.format(trouble=trouble))
    assert (load.per_second, load.errors) == (45871.66, errors)


@pytest.mark.parametrize(
    "output", ["", "unable to connect to 127.0.0.1:1 Connection refused\n", "Usage: wrk <options>"]
)
def test_what_wrk_says_of_no_measurement_is_a_failure(output: str) -> None:
    with pytest.raises(Failed, match="wrk says"):
        parsed(output)


def test_turns_are_interleaved_and_the_first_ones_thrown_away() -> None:
    taken: list[str] = []

    def turn(name: str, values: Iterator[float]) -> rounds.Turn:
        def take() -> float:
            taken.append(name)
            return next(values)

        return take

    turns = {"a": turn("a", iter([1, 10, 30, 20])), "b": turn("b", iter([1, 5, 5, 7]))}
    figures, failed = rounds.interleaved(turns, rounds=3)
    assert taken == ["a", "b"] * 4
    assert (figures["a"].median, figures["a"].least, figures["a"].most, failed) == (20, 10, 30, {})
    assert figures["b"].rounds == [5, 5, 7]


def test_a_contender_that_fails_late_is_left_out_and_the_others_go_on() -> None:
    left = iter([1.0, 2.0])

    def failing() -> float:
        for value in left:
            return value
        raise Failed("it fell over")

    figures, failed = rounds.interleaved({"bad": failing, "good": lambda: 4.0}, rounds=3)
    assert (list(figures), failed) == (["good"], {"bad": "it fell over"})
    assert beside("good beside bad", figures, ("good", "bad"), target=2.0) == Row(
        what="good beside bad", value=None, target=2.0, why="not run: bad"
    )


def test_a_ratio_is_taken_round_by_round() -> None:
    figures = {"one": series([10.0, 100.0, 30.0]), "other": series([5.0, 25.0, 10.0])}
    assert beside("", figures, ("one", "other")).value == 3.0


@pytest.mark.parametrize(
    ("value", "target", "is_limit", "is_reached"),
    [(2.0, 2.0, False, True), (1.9, 2.0, False, False), (2.0, 2.0, True, True), (2.1, 2.0, True, False)],
)
def test_a_target_is_reached_from_its_own_side(value: float, target: float, is_limit: bool, is_reached: bool) -> None:
    assert Row(what="", value=value, target=target, is_limit=is_limit).is_reached is is_reached


def test_what_was_not_measured_or_not_promised_is_neither_reached_nor_not() -> None:
    assert Row(what="", value=None, target=1.0).is_reached is None
    assert Row(what="", value=1.0).is_reached is None


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile(list(range(1000, 0, -1)), share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 501, 991, 1000]


@pytest.mark.parametrize(
    ("cores", "servers", "redis", "load"),
    [({0}, {0}, {0}, {0}), ({0, 1}, {0, 1}, {0, 1}, {0, 1}), ({0, 2, 5, 7}, {0, 2}, {5}, {7})],
    ids=["one", "two", "four"],
)
def test_cores_are_parted_where_there_are_four(
    cores: set[int], servers: set[int], redis: set[int], load: set[int]
) -> None:
    found = parted(cores)
    assert (found.servers, found.redis, found.load) == (servers, redis, load)


def test_the_machine_is_described_without_names_of_hosts_or_paths() -> None:
    told = machine.description()
    assert told["packages"]["rq"]
    assert told["redis"].count(".") == 2
    text = msgspec.json.encode({name: value for name, value in told.items() if name != "cpu"}).decode()
    assert "/" not in text
    assert machine.kernel("6.1.0-18-cloud-amd64") == "6.1.0"
    assert machine.kernel("6.8.0+build@somebody.example") == "6.8.0"


def test_the_processor_is_named_as_the_kernel_names_it() -> None:
    assert (
        machine.cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nflags\t\t: fpu\n") == "Some CPU @ 2.00GHz"
    )
    assert machine.cpu_model("processor\t: 0\n") == ""
    assert machine.memory_gb("MemTotal:       16777216 kB\n") == 16


def test_every_table_of_the_documents_is_what_the_results_give() -> None:
    taken = results.read(results.PLACE)
    for name in documents.DOCUMENTS:
        text = (ROOT / name).read_text()
        assert documents.filled(text, taken) == text, f"run `make bench-tables`: {name} is not what bench/results says"


def test_every_table_stands_in_a_document() -> None:
    texts = "".join((ROOT / name).read_text() for name in documents.DOCUMENTS)
    assert {found[2] for found in documents.MARKED.finditer(texts)} == TABLES.keys()


def some_results(**more: Any) -> dict[str, dict[str, Any]]:
    rows = [Row(what="polls", value=1234.5, target=1000.0, unit="a second"), Row(what="pages", value=None, target=2.0)]
    rows.append(Row(what="beside the point", value=3.0))
    figures = {"ours": series([1234.5, 1200.0, 1300.0])}
    taken = {"measure": "polls", "rows": msgspec.to_builtins(rows), "figures": msgspec.to_builtins(figures)}
    return {"polls": taken | {"failed": {"theirs": "it is large"}, "memory_mb": {"ours": 55.2}} | more}


def test_a_table_of_targets_says_what_is_reached_and_what_is_not_there() -> None:
    text = "a\n<!-- bench: targets -->\nold\n<!-- /bench -->\nb\n"
    filled = documents.filled(text, some_results())
    assert filled.splitlines()[4:6] == [
        "| polls | 1,234 a second | >= 1,000 a second | reached |",
        "| pages | not there | >= 2 x |  |",
    ]
    assert documents.filled(filled, some_results()) == filled
    assert "Not measured yet" in documents.filled(filled, {})


def test_a_table_of_rates_names_who_was_not_run_and_why() -> None:
    assert TABLES["polls"](some_results()).splitlines()[2:] == [
        "| ours | 1,234 | 1,200 to 1,300 | 55 MB |",
        "| theirs | not run | it is large |  |",
    ]


def test_a_table_of_another_name_is_no_table() -> None:
    with pytest.raises(KeyError):
        documents.filled("<!-- bench: nonsense -->\n<!-- /bench -->\n", {})


def test_a_failed_measure_takes_the_place_of_no_figure(tmp_path: Path) -> None:
    results.write(tmp_path, "polls", some_results()["polls"], is_quick=False)
    results.write(tmp_path, "polls", {"rows": [], "error": "it fell over"}, is_quick=False)
    results.write(tmp_path, "large", {"rows": [], "error": "it fell over"}, is_quick=False)
    (tmp_path / "fairness.json").write_text('{"rows": []}')
    read = results.read(tmp_path)
    assert read.keys() == {"polls", "large"}
    assert read["polls"]["figures"]["ours"]["median"] == 1234.0
    assert "it fell over" in TABLES["targets"](read)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("No such file: /home/somebody/work/.venv-bench/arq/bin/arq", "No such file: ..."),
        ('File "/usr/lib/python3.11/site.py", line 3', 'File "...", line 3'),
        ("127.0.0.1:8000/jobs/a/b: HTTP Error 500", "127.0.0.1:8000/jobs/a/b: HTTP Error 500"),
        ("reads/writes and p50 / p99", "reads/writes and p50 / p99"),
    ],
)
def test_results_name_no_path_of_the_machine(said: str, kept: str) -> None:
    assert results.placeless(said.encode()) == kept.encode()


def test_a_measure_past_its_time_is_ended_and_told() -> None:
    assert measured("polls", Measure("polls", "", limit_s=0), is_quick=True) == {
        "rows": [],
        "error": "it took longer than 0 s",
    }


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_a_module_that_measures(name: str) -> None:
    assert "def measure(*, is_quick: bool = False)" in (ROOT / "bench" / f"{MEASURES[name].module}.py").read_text()


@pytest.mark.parametrize("name", sorted({peer.environment for peer in PEERS.values()} | {"granian"}))
def test_a_contender_is_made_of_pinned_packages(name: str) -> None:
    lines = (CONTENDERS / f"{name}.txt").read_text().split()
    assert lines
    assert [line for line in lines if line.count("==") != 1] == []
