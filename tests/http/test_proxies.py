"""Behind proxies: who is believed, and what."""

import logging
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Scope

from pollable.http.forwarded import PREFIX, Front
from pollable.settings import Settings
from tests.http.hosting import ORDER, asked, pollable_with

PROXIES = ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "unix")
PROXY = ("10.0.0.1", 4000)
STRANGER = ("203.0.113.9", 5000)

Headers = list[tuple[str, str]]


def settled(headers: Headers, *, peer: tuple[str, int] | None = PROXY, **settings: Any) -> Scope:
    scope: Scope = {
        "type": "http",
        "scheme": "http",
        "path": "/jobs",
        "client": peer,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    Front(Settings(**{"trusted_proxies": PROXIES, **settings})).settle(scope)
    return scope


def chain(*values: str) -> Headers:
    return [("x-forwarded-for", value) for value in values]


# The header's lines, and whom they make of the proxy's address.
CALLERS: dict[str, tuple[Headers, tuple[str, int]]] = {
    "nothing": ([], PROXY),
    "one": (chain("203.0.113.9"), ("203.0.113.9", 0)),
    "one with a port": (chain("203.0.113.9:5000"), STRANGER),
    "what the caller wrote itself": (chain("127.0.0.1, 203.0.113.9"), ("203.0.113.9", 0)),
    "what the caller wrote, as if it were a proxy": (chain("198.51.100.1, 10.9.9.9, 203.0.113.9"), ("203.0.113.9", 0)),
    "two proxies": (chain("203.0.113.9, 192.0.2.1"), ("203.0.113.9", 0)),
    "a line each": (chain("198.51.100.1", "203.0.113.9", "192.0.2.1"), ("203.0.113.9", 0)),
    "proxies alone": (chain("10.7.7.7, 192.0.2.1"), ("10.7.7.7", 0)),
    "no blanks, and many": (chain("198.51.100.1,203.0.113.9 ,   10.1.1.1"), ("203.0.113.9", 0)),
    "a hundred hops": (chain(", ".join(["203.0.113.9", *("10.0.0.2" for _ in range(99))])), ("203.0.113.9", 0)),
    "a hundred lines": (chain("203.0.113.9", *("10.0.0.2" for _ in range(99))), ("203.0.113.9", 0)),
    "thousands of strangers": (chain(", ".join(["198.51.100.1"] * 2000 + ["203.0.113.9"])), ("203.0.113.9", 0)),
    "IPv6": (chain("2606:4700::1111"), ("2606:4700::1111", 0)),
    "IPv6 in brackets": (chain("[2606:4700::1111]"), ("2606:4700::1111", 0)),
    "IPv6 with a port": (chain("[2606:4700::1111]:443"), ("2606:4700::1111", 443)),
    "IPv6 written out": (chain("2606:4700:0:0:0:0:0:1111"), ("2606:4700::1111", 0)),
    "an IPv6 proxy": (chain("203.0.113.9, [2001:db8::7]:80"), ("203.0.113.9", 0)),
    "a mapped address": (chain("::ffff:203.0.113.9"), ("203.0.113.9", 0)),
    "a mapped proxy": (chain("203.0.113.9, ::ffff:10.0.0.3"), ("203.0.113.9", 0)),
    "an empty line": (chain(""), PROXY),
    "a comma at the end": (chain("203.0.113.9, 10.0.0.2, ,"), ("203.0.113.9", 0)),
    "commas alone": (chain(" , ,"), PROXY),
    "a word": (chain("unknown"), PROXY),
    "a word behind a proxy": (chain("203.0.113.9, _hidden, 10.0.0.5"), ("10.0.0.5", 0)),
    "a name": (chain("evil.example, 10.0.0.5"), ("10.0.0.5", 0)),
    "no such port": (chain("203.0.113.9:99999"), PROXY),
    "no such address": (chain("203.0.113.999"), PROXY),
    "an octal": (chain("0203.0.113.9"), PROXY),
    "a number": (chain("3405803785"), PROXY),
    "a zone": (chain("fe80::1%<script>"), PROXY),
    "half a bracket": (chain("[2606:4700::1111"), PROXY),
    "quotes": (chain('"203.0.113.9"'), PROXY),
    "a script": (chain("<script>, 203.0.113.9"), ("203.0.113.9", 0)),
    "letters beyond ASCII": (chain("\xb2\xff"), PROXY),
    "ten thousand digits": (chain("1" * 10_000), PROXY),
}


@pytest.mark.parametrize("name", CALLERS)
def test_the_caller_is_the_nearest_that_is_no_proxy(name: str) -> None:
    headers, caller = CALLERS[name]
    assert settled(headers)["client"] == caller


@pytest.mark.parametrize("name", CALLERS)
def test_a_stranger_is_who_it_is_whatever_it_says(name: str) -> None:
    headers = [*CALLERS[name][0], ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/evil")]
    for nobody in ({}, {"trusted_proxies": ()}):
        scope = settled(headers, peer=STRANGER, path_prefix="/ours", **nobody)
        assert (scope["client"], scope["scheme"], scope[PREFIX]) == (STRANGER, "http", "/ours")


# Who connects, and whether the settings above trust it.
PEERS: dict[str, tuple[tuple[str, int] | None, bool]] = {
    "in a network": (("10.255.255.255", 1), True),
    "by address": (("192.0.2.1", 1), True),
    "beside it": (("192.0.2.2", 1), False),
    "loopback, which nobody named": (("127.0.0.1", 1), False),
    "mapped": (("::ffff:10.0.0.1", 1), True),
    "mapped stranger": (("::ffff:11.0.0.1", 1), False),
    "IPv6": (("2001:db8:0:0::1", 1), True),
    "IPv6 stranger": (("2001:db9::1", 1), False),
    "link-local with its interface": (("fe80::1%eth0", 1), False),
    "a Unix socket": (None, True),
    "no address": (("testclient", 50000), False),
    "an empty address": (("", 0), False),
}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_believed_if_it_was_named(name: str) -> None:
    peer, is_trusted = PEERS[name]
    scope = settled(
        [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/p")], peer=peer
    )
    believed = (("203.0.113.9", 0), "https", "/p") if is_trusted else (peer, "http", "")
    assert (scope["client"], scope["scheme"], scope[PREFIX]) == believed


@pytest.mark.parametrize(
    ("proxy", "peer"),
    [
        ("fe80::/10", "fe80::1%eth0"),
        ("::ffff:10.0.0.0/104", "10.3.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("::1", "0:0:0:0:0:0:0:1"),
    ],
)
def test_an_address_is_one_however_it_is_written(proxy: str, peer: str) -> None:
    scope = settled([("x-forwarded-proto", "https")], peer=(peer, 1), trusted_proxies=(proxy,))
    assert scope["scheme"] == "https"


def test_a_unix_socket_that_was_not_named_is_not_believed() -> None:
    scope = settled([("x-forwarded-for", "203.0.113.9")], peer=None, trusted_proxies=("10.0.0.0/8",))
    assert scope["client"] is None


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        (["https"], "https"),
        (["HTTPS"], "https"),
        (["http"], "http"),
        (["http, https"], "https"),
        (["http", " https "], "https"),
        (["https, http"], "http"),
        (["ftp"], "http"),
        ([""], "http"),
        (["https://evil.example"], "http"),
    ],
    ids=str,
)
def test_the_scheme_is_the_one_that_the_nearest_proxy_wrote(lines: list[str], scheme: str) -> None:
    assert settled([("x-forwarded-proto", line) for line in lines])["scheme"] == scheme


# The header's lines, the setting, and what the paths begin with.
PREFIXES: dict[str, tuple[list[str], str, str]] = {
    "none": ([], "", ""),
    "the setting": ([], "/set", "/set"),
    "the header": (["/said"], "", "/said"),
    "the header in the setting's place": (["/said"], "/set", "/said"),
    "the root in the setting's place": (["/"], "/set", ""),
    "empty": ([""], "/set", "/set"),
    "no slash": (["said"], "", "/said"),
    "a slash at the end": (["/said/"], "", "/said"),
    "two segments": (["/a/b"], "", "/a/b"),
    "a word with dots": (["/v1.2/...x"], "", "/v1.2/...x"),
    "percent-encoded": (["/j%C3%B6bs"], "", "/j%C3%B6bs"),
    "several lines, of which the nearest proxy's": (["/first", "/second"], "", "/second"),
    "one line of several": (["/first, /second"], "", "/second"),
    # What is no prefix counts as not sent.
    "another host": (["//evil.example"], "/set", "/set"),
    "another host, with more slashes": (["///evil.example"], "/set", "/set"),
    "another host, with a backslash": (["/\\evil.example"], "/set", "/set"),
    "a URL": (["https://evil.example/x"], "/set", "/set"),
    "two slashes inside": (["/a//b"], "/set", "/set"),
    "two slashes at the end": (["/a//"], "/set", "/set"),
    "dots": (["/a/../b"], "/set", "/set"),
    "dots at the end": (["/a/.."], "/set", "/set"),
    "one dot": (["/./a"], "/set", "/set"),
    "dots in disguise": (["/a/%2e%2E/b"], "/set", "/set"),
    "half in disguise": (["/.%2e"], "/set", "/set"),
    "a line feed": (["/a\n/b"], "/set", "/set"),
    "a line feed at the end": (["/a\n"], "", "/a"),
    "a line feed in disguise": (["/a%0d%0ab"], "/set", "/set"),
    "a NUL in disguise": (["/a%00"], "/set", "/set"),
    "a query": (["/a?b=c"], "/set", "/set"),
    "a fragment": (["/a#b"], "/set", "/set"),
    "a blank": (["/a b"], "/set", "/set"),
    "quotes": (['/a">'], "/set", "/set"),
    "half an escape": (["/a%2"], "/set", "/set"),
    "letters beyond ASCII": (["/j\xf6bs"], "/set", "/set"),
    "too long": (["/" + "a" * 256], "/set", "/set"),
}


@pytest.mark.parametrize("name", PREFIXES)
def test_a_prefix_is_a_path_of_this_host(name: str) -> None:
    lines, setting, prefix = PREFIXES[name]
    scope = settled([("x-forwarded-prefix", line) for line in lines], path_prefix=setting)
    assert scope[PREFIX] == prefix


@pytest.mark.parametrize("peer", [PROXY, None, STRANGER], ids=["proxy", "socket", "stranger"])
def test_a_job_is_found_where_the_proxy_serves_it(settings: Settings, peer: tuple[str, int] | None) -> None:
    pollable = pollable_with(settings, trusted_proxies=PROXIES)
    headers = {"x-forwarded-prefix": "/outer"}

    async def ask(client: httpx.AsyncClient) -> list[str]:
        accepted = await client.post("/inner/jobs", json=ORDER, headers=headers)
        described = (await client.get("/inner/openapi.json", headers=headers)).json()
        await client.post("/inner/jobs", json=ORDER, headers=headers)
        page = await client.get("/inner/jobs?limit=1", headers=headers)
        paths = [accepted.headers["location"], accepted.json()["links"]["self"], page.links["next"]["url"]]
        return [*paths, described["servers"][0]["url"] + "/jobs"]

    paths = asked(pollable, Starlette(routes=[Mount("/inner", pollable)]), ask, peer=peer)
    prefix = "/inner" if peer == STRANGER else "/outer/inner"
    assert [path.startswith(f"{prefix}/jobs") for path in paths] == [True] * 4


@pytest.mark.parametrize(
    ("peer", "logged"),
    [(PROXY, "203.0.113.9"), (STRANGER, "203.0.113.9"), (("192.0.2.9", 1), "192.0.2.9"), (None, None)],
)
def test_the_log_has_the_callers_address(
    settings: Settings, caplog: pytest.LogCaptureFixture, peer: tuple[str, int] | None, logged: str | None
) -> None:
    pollable = pollable_with(settings, trusted_proxies=("10.0.0.0/8",))
    caplog.set_level(logging.INFO, "pollable.access")

    async def ask(client: httpx.AsyncClient) -> None:
        await client.get("/nothing", headers={"x-forwarded-for": "127.0.0.1, 203.0.113.9"})

    asked(pollable, pollable, ask, peer=peer)
    (record,) = [each for each in caplog.records if each.name == "pollable.access"]
    assert vars(record)["client"] == logged
