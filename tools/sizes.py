"""How long functions, files and the core are: prints the longest, and fails where one is too long."""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDERS = ("service", "bench", "chaos", "tests", "tools")
"""Where the project's Python is, beside the files at its root."""
APART = {"api", "cli", "client", "testing", "web", "examples", "settings", "described"}
"""The rooms of service/ that no poll, no submit and no job passes through; `api` is one's own Python, beside HTTP."""
APART_FILES = {
    *("http/health.py", "http/openapi.py", "http/pages.py", "http/queues.py", "storage/risks.py"),
    *("http/figures.py", "http/meters.py", "http/metrics.py", "jobs/tracing.py", "worker/tracing.py"),
    *("http/events.py", "http/feeds.py", "jobs/listing.py"),
    *("auth/issuer.py", "catalog/codes.py", "catalog/signature.py", "envelopes/registry.py"),
    *("pollable/__init__.py", "pollable/logs.py"),
    *("pollable/__main__.py", "pollable/app.py", "pollable/server.py", "http/lifetime.py", "jobs/reaper.py"),
    *("auth/key_set.py", "auth/download.py", "storage/sentinels.py"),
    *("jobs/foreign.py", "jobs/foreign_results.py", "jobs/pickled.py", "jobs/pickle_names.py", "jobs/opcodes.py"),
    *("jobs/tracebacks.py", "jobs/unfit.py"),
}
"""Files of the other rooms of which the same is true. By line: what answers operators, their tools and browsers;
what counts and traces for them; lists and streams, which are no polls; what judges and arranges once, at the
start, or lists what may be imported; what puts the parts together, begins and ends a process, and looks beside
the jobs for those that were lost; who fetches keys, and finds a primary; and what reads other code's jobs and
results, or says what is wrong with its workers."""
FUNCTION_LINES = 40
FILE_LINES = 300
CORE_LINES = 5_000
SHOWN = 10
BARE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
"""Tokens that make no line a line of code."""


class Size(NamedTuple):
    """Lines of something, and where it is."""

    lines: int
    place: str


def files(root: Path) -> list[Path]:
    """Every Python file of the project."""
    inner = (path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return sorted([*root.glob("*.py"), *inner])


def is_core(path: Path) -> bool:
    """Whether a poll, a submit or a job may pass through the file, named as from the root."""
    is_apart = APART.intersection(path.parts) or "/".join(path.parts[-2:]) in APART_FILES
    return path.parts[0] == "service" and not is_apart


def functions(source: str, path: Path) -> Iterator[Size]:
    """Every function with its decorators, docstring and the functions inside it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield Size((node.end_lineno or begin) - begin + 1, f"{path}:{begin} {node.name}")


def code_lines(source: str) -> int:
    """Lines that are neither blank nor comment nor docstring."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {line for token in tokens if token.type not in BARE for line in range(token.start[0], token.end[0] + 1)}
    return len(code - _docstrings(source))


def _docstrings(source: str) -> set[int]:
    # A text that is a statement: of a module, class or function, or below an attribute.
    statements = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr))
    texts = [node for node in statements if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {line for text in texts for line in range(text.lineno, (text.end_lineno or text.lineno) + 1)}


def report(root: Path) -> tuple[list[str], list[str]]:
    """What to print, and what is wrong."""
    sources = {path.relative_to(root): path.read_text(encoding="utf-8") for path in files(root)}
    lengths = [Size(len(source.splitlines()), str(path)) for path, source in sources.items()]
    bound = [size for path, source in sources.items() for size in functions(source, path)]
    core = sum(code_lines(source) for path, source in sources.items() if is_core(path))
    shown = [
        f"Of {len(bound)} functions the longest, of at most {FUNCTION_LINES} lines:",
        *_longest(bound),
        f"Of {len(lengths)} files the longest, of at most {FILE_LINES} lines:",
        *_longest(lengths),
        f"What a poll, a submit and a job pass through: {core} lines of code of less than {CORE_LINES}.",
    ]
    wrong = [
        *(f"{place}: a function of {lines} lines" for lines, place in bound if lines > FUNCTION_LINES),
        *(f"{place}: a file of {lines} lines" for lines, place in lengths if lines > FILE_LINES),
    ]
    if core >= CORE_LINES:
        wrong.append(f"service: {core} lines of code")
    return shown, wrong


def _longest(sizes: list[Size]) -> list[str]:
    return [f"{lines:6}  {place}" for lines, place in sorted(sizes, reverse=True)[:SHOWN]]


def main(root: Path) -> int:
    """Print the report; the exit code."""
    shown, wrong = report(root)
    print(*shown, sep="\n")
    for line in wrong:
        print(f"Too long: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(ROOT))
