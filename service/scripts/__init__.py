"""The Lua scripts: the only writers of records. Each file's header tells its ARGV and its reply."""

import re
from functools import cache
from importlib.resources import files

_NEEDS = re.compile(r"-- needs: ([a-z ]+)\n")


@cache
def load(name: str) -> str:
    """The text of `name`.lua, with the files that its first line needs (`-- needs: rq`) before it."""
    text = _read(name)
    needs = _NEEDS.match(text)
    return "".join(_read(part) for part in (needs.group(1).split() if needs else ())) + text


def _read(name: str) -> str:
    return files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
