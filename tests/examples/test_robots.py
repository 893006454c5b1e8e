import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.examples.robots import normal, parse

TEXT = """\
User-agent: other-crawler
Disallow: /

User-agent: *
Disallow: /all
Sitemap: https://example.org/sitemap.xml
"""


def allows(text: str | bytes, path: str, product: str = "pollable-crawler") -> bool:
    return parse(text if isinstance(text, bytes) else text.encode(), product).allow(normal(path))


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /private", "/private/a", False),
        ("Disallow: /private", "/public", True),
        ("Allow: /\nDisallow: /private", "/private", False),
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Disallow: /*.pdf$", "/x/y.pdf", False),
        ("Disallow: /*.pdf$", "/x/y.pdf?a=1", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /a*a$", "/a", True),
        ("Disallow: /*/print*page", "/x/print/the/page/2", False),
        ("Disallow: *", "/x", False),
        ("Disallow: /*?", "/x?y", False),
        ("Disallow:", "/x", True),
        ("Disallow: /%7Ejoe/", "/~joe/a", False),
        ("Disallow: /caf\u00e9", "/caf%c3%a9", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("disallow:/a # a comment", "/a", False),
        ("Disallow: /", "/robots.txt", True),
        ("Disallow /a\n: x\n\x00\nnonsense", "/a", True),
    ],
)
def test_the_longest_rule_that_fits_decides(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", path) is allowed


@pytest.mark.parametrize(
    ("product", "path", "allowed"),
    [
        ("other-crawler", "/x", False),
        ("Other-Crawler", "/all", False),
        ("pollable-crawler", "/all", False),
        ("pollable-crawler", "/x", True),
    ],
)
def test_a_crawler_keeps_to_its_own_group_and_else_to_that_of_all(product: str, path: str, allowed: bool) -> None:
    assert allows(TEXT, path, product) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "User-agent: a\nUser-agent: me/2.1\nDisallow: /x\n",
        "User-agent: me\nDisallow: /y\nUser-agent: *\nAllow: /\nUser-agent: ME\nDisallow: /x",
        "\ufeffUser-agent: me\rDisallow: /x",
        "user-agent : me\r\n\r\n# between\r\n disallow : /x\r\n",
    ],
    ids=["shared", "in two places", "marked, with carriage returns", "spaces"],
)
def test_a_group_is_found_however_it_is_written(text: str) -> None:
    assert not allows(text, "/x", "me")


def test_an_empty_group_of_ones_own_opens_what_is_closed_to_all() -> None:
    assert allows("User-agent: *\nDisallow: /\n\nUser-agent: me\nDisallow:\n", "/x", "me")


def test_rules_before_any_name_are_nobodys() -> None:
    assert allows("Disallow: /\n", "/x")


def test_many_stars_take_no_longer_than_few() -> None:
    started = time.monotonic()
    assert allows(f"User-agent: *\nDisallow: /{'*a' * 2_000}b$", "/" + "a" * 1_000)
    assert time.monotonic() - started < 1


@given(st.binary(max_size=300), st.text())
def test_any_file_is_read(content: bytes, path: str) -> None:
    assert parse(b"User-agent: *\n" + content, "me").allow(normal(path)) in {True, False}


@given(st.text())
def test_a_path_that_is_normal_stays_as_it_is(path: str) -> None:
    assert normal(normal(path)) == normal(path)
    assert normal(path).isascii()
