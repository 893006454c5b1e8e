"""What a site's robots.txt lets a crawler read, by RFC 9309: the longest rule decides, `*` and `$` are wildcards.

Python 3.11's urllib.robotparser takes the first rule that fits and knows no wildcards, so that `Allow: /` above
`Disallow: /private` would open what the site closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

_MOST_BYTES = 500 * 1024
_LINE = re.compile(r"[ \t]*([A-Za-z-]+)[ \t]*:([^#]*)")
_PRODUCT = re.compile(r"[A-Za-z_-]+|\*")


class Rule(msgspec.Struct, frozen=True):
    """Allows or disallows every path that has the `parts`, parted by stars, in their order; `length` is its weight."""

    length: int
    allows: bool
    parts: tuple[str, ...]
    to_the_end: bool

    def fits(self, path: str) -> bool:
        """Whether the rule speaks of this path."""
        first, *others = self.parts
        if not path.startswith(first):
            return False
        at, last = len(first), others.pop() if others and self.to_the_end else ""
        for part in others:
            if (found := path.find(part, at)) < 0:
                return False
            at = found + len(part)
        if not self.to_the_end:
            return True
        return len(path) - len(last) >= at and path.endswith(last) if len(self.parts) > 1 else path == first


class Robots(msgspec.Struct, frozen=True):
    """The rules for one crawler."""

    rules: tuple[Rule, ...] = ()

    def allow(self, path: str) -> bool:
        """Whether a path, with its query and as `normal` spells it, may be read."""
        fitting = [(rule.length, rule.allows) for rule in self.rules if rule.fits(path)]
        return path == "/robots.txt" or not fitting or max(fitting)[1]


def parse(content: bytes, product: str) -> Robots:
    """Read a robots.txt for the crawler that calls itself `product`; what is no rule is passed over."""
    groups: dict[str, list[Rule]] = {}
    named: list[list[Rule]] = []
    has_rules = True
    for key, value in _lines(content[:_MOST_BYTES].decode("utf-8-sig", "replace")):
        if key == "user-agent":
            # Names that follow each other share the rules that follow them.
            named = [] if has_rules else named
            has_rules = False
            found = _PRODUCT.match(value)
            named.append(groups.setdefault(found[0].lower() if found else "", []))
        elif key in {"allow", "disallow"}:
            has_rules = True
            for rules in named if value else []:
                rules.append(_rule(value, allows=key == "allow"))
    return Robots(tuple(groups.get(product.lower(), groups.get("*", []))))


def normal(path: str) -> str:
    """Spell a path as rules and addresses are compared: percent-encoded where it must be, and nowhere else."""
    encoded = "".join(letter if "!" <= letter <= "~" else _encoded(letter) for letter in path)
    return re.sub(r"%([0-9A-Fa-f]{2})", _plain, re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", encoded))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+", text):
        if match := _LINE.match(line):
            yield match[1].lower(), match[2].strip()


def _rule(value: str, *, allows: bool) -> Rule:
    written = normal(value)
    return Rule(len(written), allows, tuple(written.removesuffix("$").split("*")), written.endswith("$"))


def _encoded(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _plain(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    # RFC 3986, section 2.3: these mean the same either way.
    return letter if letter.isascii() and (letter.isalnum() or letter in "-._~") else match[0].upper()
