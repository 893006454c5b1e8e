"""The results as docs/reliability.md shows them: written between two marks, from the files and nothing else."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chaos.results import Result, read
from chaos.scenario import Report, Scenario

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
PER = 10_000
BYTES = "bytes_per_waiting_job"
BESIDE = (
    "| | jobs | lost | stuck | failed | ran twice | changed later | recovery p50 | p99 | max | false `running` |\n"
    f"{'| --- ' * 11}|"
)


def render(results: Mapping[str, Result], scenarios: Mapping[str, Scenario]) -> str:
    """All that is between the marks."""
    known = {name: results[name] for name in scenarios if name in results}
    machines = sorted({_machine(result.machine) for result in known.values()})
    rows = [_row(scenarios[name], result.report) for name, result in known.items()]
    beside = [line for result in known.values() for line in _beside(result.report)]
    return "\n".join(
        [
            BEGIN,
            f"Measured on {'; '.join(machines)}; `chaos/results` has every figure.",
            "",
            "| scenario | what is done | it passes with | run with | outcome | measured |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Per 10,000 jobs, and in seconds; false `running` is the longest that was seen:",
            "",
            BESIDE,
            *beside,
            *_sizes(known),
            END,
        ]
    )


def rewrite(scenarios: Mapping[str, Scenario], document: Path = DOCUMENT) -> None:
    """Put what the files say in place of what the document said."""
    head, _, rest = document.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(head + render(read(), scenarios) + tail)


def _machine(machine: Mapping[str, str]) -> str:
    versions = f"Python {machine['python']}, Redis {machine['redis']}, rq {machine['rq']}"
    return f"{machine['cores']} cores that other work shared, {machine['system']}, {versions}"


def _row(scenario: Scenario, report: Report) -> str:
    outcome = "passed" if report.has_passed else f"**{len(report.violations)} violations**"
    cells = (f"`{scenario.name}`", scenario.procedure, scenario.passes, _size(report), outcome, _told(report.figures))
    return f"| {' | '.join(cells)} |"


def _size(report: Report) -> str:
    sizes = [_said(name, size) for name, size in report.size.items() if not name.startswith("stock")]
    return f"{', '.join(sizes)}; seed {report.seed}"


def _told(figures: Mapping[str, Any]) -> str:
    """The numbers that are not nothing."""
    told = [_said(name, value) for name, value in figures.items() if isinstance(value, int | float) and value]
    return ", ".join(told)


def _said(name: str, value: float) -> str:
    """`lease_s` of 6 is "lease 6 s"."""
    words = name.removesuffix("_s").replace("_", " ")
    number = f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{words} {number} s" if name.endswith("_s") else f"{words} {number}"


def _beside(report: Report) -> Iterator[str]:
    for whose, figures in (("Pollable", report.figures), ("`rq worker`", report.stock or {})):
        if report.stock and "accepted" in report.stock:
            yield f"| {report.scenario}, {whose} | {' | '.join(_compared(figures))} |"


def _sizes(known: Mapping[str, Result]) -> Iterator[str]:
    for result in known.values():
        ours, stock = result.report.figures, result.report.stock or {}
        if BYTES in ours and BYTES in stock:
            yield ""
            yield f"A job that waits takes {ours[BYTES]:,} bytes of Redis' memory; one of RQ alone {stock[BYTES]:,}."


def _compared(figures: Mapping[str, Any]) -> Iterator[str]:
    accepted = figures["accepted"]
    yield f"{accepted:,}"
    for name in ("lost", "stuck", "failed", "ran_to_the_end_twice"):
        yield f"{figures[name] * PER / accepted:.0f}"
    yield f"{figures.get('flipped', 0) * PER / accepted:.0f}"
    for name in ("recovery_p50_s", "recovery_p99_s", "recovery_max_s"):
        yield f"{figures[name]:.1f}" if name in figures else "-"
    yield f"{figures['longest_false_running_s']:.1f}"
