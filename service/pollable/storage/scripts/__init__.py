"""The Lua scripts: the only writers of records. Each file's header tells its ARGV and its reply."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

_NEEDS = re.compile(r"-- needs: ([a-z ]+)\n")


@cache
def source(name: str) -> str:
    """The text of `name`.lua, after the parts that its first line needs (`-- needs: record`), and theirs."""
    return "".join(_read(part) for part in dict.fromkeys(_parts(name)))


def _parts(name: str) -> Iterator[str]:
    needs = _NEEDS.match(_read(name))
    for part in needs.group(1).split() if needs else ():
        yield from _parts(part)
    yield name


def _read(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
