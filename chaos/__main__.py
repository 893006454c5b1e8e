"""`make chaos`: run the scenarios, tell what was found, write the results down."""

import logging
import sys
import time
from pathlib import Path

import click
import msgspec

from chaos.results import write
from chaos.scenario import SEED, Found, Report, Scenario, Skipped
from chaos.scenarios import ALL
from chaos.table import rewrite
from chaos.waiting import NotInTime


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ALL)), help="Some of them.")
@click.option("--short", is_flag=True, help="The short form, as `make test` runs it; nothing is written down.")
@click.option("--seed", type=int, default=SEED, show_default=True)
@click.option("--without-stock", is_flag=True, help="Leave RQ's own worker out.")
@click.option("--table", is_flag=True, help="Only write docs/reliability.md anew from the results that there are.")
def main(only: tuple[str, ...], short: bool, seed: int, without_stock: bool, table: bool) -> None:
    """Do harm on purpose. Exit code 1 where an invariant was violated."""
    if table:
        rewrite(ALL)
        return
    # A late outcome that is refused is what some scenarios are about.
    logging.getLogger("pollable").addHandler(logging.NullHandler())
    has_failed = False
    for name in only or ALL:
        try:
            report = perform(ALL[name], short=short, seed=seed, beside_stock=not without_stock)
        except Skipped as reason:
            print(f"{name}: skipped: {reason}", flush=True)
            continue
        has_failed = has_failed or not report.has_passed
        tell(report)
        if not short:
            write(report)
            rewrite(ALL)
    sys.exit(has_failed)


def perform(scenario: Scenario, *, short: bool, seed: int = SEED, beside_stock: bool = False) -> Report:
    """One run of one scenario. Raises `Skipped`."""
    if not Path("/proc").is_dir():
        raise Skipped("the suite sees processes in /proc, as Linux has it")
    size = scenario.short if short else scenario.full
    began_at = time.monotonic()
    try:
        found = scenario.run(size, seed)
    except NotInTime as error:
        found = Found([f"it could not go on: {error}"], {})
    took_s = round(time.monotonic() - began_at, 1)
    stock = scenario.run_stock(size, seed) if beside_stock and scenario.run_stock else None
    return Report(
        scenario=scenario.name,
        form="short" if short else "full",
        seed=seed,
        size=size,
        violations=found.violations,
        figures=found.figures,
        took_s=took_s,
        stock=stock,
    )


def tell(report: Report) -> None:
    """What a person wants to know of a run."""
    print(
        f"{report.scenario}: {'passed' if report.has_passed else 'FAILED'} in {report.took_s:g} s, seed {report.seed}"
    )
    print(f"  {msgspec.json.encode(report.figures).decode()}")
    if report.stock is not None:
        print(f"  rq worker: {msgspec.json.encode(report.stock).decode()}")
    for violation in report.violations[:10]:
        print(f"  {violation[:400]}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
