"""The tables of README and docs/, written from the results: what lies between two markers is nobody else's.

`<!-- bench: NAME -->` … `<!-- /bench -->`; NAME is one of `TABLES`. A test holds the documents against the results.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench import tables
from bench.figures import Row
from bench.measures import MEASURES

MARKED = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)
DOCUMENTS = ("README.md", "docs/performance.md", "docs/scaling.md")
Results = Mapping[str, Mapping[str, Any]]


def rewrite(root: Path, results: Results) -> None:
    """Write every table of every document anew."""
    for name in DOCUMENTS:
        path = root / name
        path.write_text(filled(path.read_text(), results))


def filled(text: str, results: Results) -> str:
    """The text, with its tables made of the results. Raises `KeyError` for a table of another name."""
    return MARKED.sub(lambda found: f"{found[1]}{tables.TABLES[found[2]](results)}\n{found[3]}", text)


def told(results: Results) -> str:
    """For the terminal: a line a row."""
    return "\n".join(_lines(results))


def _lines(results: Results) -> Iterator[str]:
    for name in (name for name in MEASURES if name in results):
        taken = results[name]
        yield f"{name}{': not measured: ' + taken['error'] if taken.get('error') else ''}"
        for row in msgspec.convert(taken["rows"], list[Row]):
            yield f"  {row.what:62.62} {tables.value(row):>12} {tables.target(row):>14}  {tables.verdict(row)}"
        for contender, why in taken.get("failed", {}).items():
            yield f"  {contender} was not run: {why}"
