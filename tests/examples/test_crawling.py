import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.crawling import Crawl, CrawledPage, CrawlReport, Limits, crawl, decoded, web_crawling
from tests.examples.loopback import NOT_FOUND, Answer, links, page, redirect, serving
from tests.system.running import ROOT

pytestmark = pytest.mark.usefixtures("open_loopback")

LIMITS = Limits()
# A slow answer takes three seconds or more.
IMPATIENT = Limits(page_s=1.5)
SLOW = [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 60]


def crawled(answers: Mapping[str, Answer], *, start: str = "/", limits: Limits = LIMITS, **options: Any) -> CrawlReport:
    with serving(answers) as site:
        return crawl(Crawl(site.origin + start, **options), limits)


def paths(report: CrawlReport) -> list[str]:
    return ["/" + each.url.split("/", 3)[3] for each in report.pages]


def at(report: CrawlReport, path: str) -> CrawledPage:
    return report.pages[paths(report).index(path)]


def code_of(answers: Mapping[str, Answer]) -> str:
    with pytest.raises(JobError) as raised:
        crawled(answers, limits=IMPATIENT)
    return raised.value.code


def test_pages_come_nearest_first_with_what_they_say() -> None:
    report = crawled(
        {"/": links("/a", "b?x=1#top", title="Home"), "/a": page("<p>One two three"), "/b?x=1": links("/")}
    )
    origin = report.pages[0].url
    assert paths(report) == ["/", "/a", "/b?x=1"]
    assert report.pages[0] == CrawledPage(origin, 0, None, 200, "text/html", "Home", words=2, links=2)
    assert report.pages[1] == CrawledPage(f"{origin}a", 1, origin, 200, "text/html", words=3)
    assert (report.stopped_by, report.not_visited) == ("end", 0)


def test_a_page_that_many_link_to_is_read_once() -> None:
    around = {"/": links("/a", "/a#x", "./a", "/x/../a", "/%61"), "/a": links("/", "/b"), "/b": links("/a", "/b")}
    with serving(around) as site:
        assert len(crawl(Crawl(site.origin), LIMITS).pages) == 3
        assert site.asked == ["/robots.txt", "/", "/a", "/b"]


def test_other_sites_are_counted_and_not_asked() -> None:
    with serving({"/": page("secret")}) as other:
        host = other.origin.removeprefix("http://")
        away = [f"{other.origin}/", f"//{host}/x", f"https://{host}/", "mailto:ann@example.org", "ftp://example.org/"]
        report = crawled({"/": links(*away, "/away", "/home"), "/away": redirect(f"{other.origin}/"), "/home": links()})
        assert other.asked == []
    assert report.other_sites == 3
    assert at(report, "/away").redirect == f"{other.origin}/"
    assert paths(report) == ["/", "/away", "/home"]


def test_redirects_within_the_site_are_followed_and_loops_end() -> None:
    moved = {"/": redirect("/home"), "/home": links("/loop"), "/loop": redirect("/loop2"), "/loop2": redirect("/loop")}
    report = crawled(moved, max_depth=1)
    assert paths(report) == ["/", "/home", "/loop", "/loop2"]
    assert [each.status for each in report.pages] == [302, 200, 302, 302]
    assert (at(report, "/home").linked_from, at(report, "/home").depth) == (report.pages[0].url, 0)


@pytest.mark.parametrize("location", ["http://example.org/", "mailto:ann@example.org"])
def test_a_first_page_that_leads_elsewhere_says_where(location: str) -> None:
    with pytest.raises(JobError, match=location) as raised:
        crawled({"/": redirect(location)})
    assert raised.value.code == "site_redirects"


def test_what_robots_txt_closes_is_not_read() -> None:
    robots = page("User-agent: *\nDisallow: /private\nAllow: /private/open\n", content_type="text/plain")
    closed = ["/private", "/%70rivate/x", "/x/../private/y", "/moved"]
    answers = {"/robots.txt": robots, "/": links(*closed, "/private/open"), "/moved": redirect("/private/z")}
    with serving(answers) as site:
        report = crawl(Crawl(site.origin), LIMITS)
        assert site.asked == ["/robots.txt", "/", "/moved", "/private/open"]
    assert report.disallowed == 4


def test_a_first_page_that_robots_txt_closes_fails_with_a_code() -> None:
    assert code_of({"/robots.txt": page("User-agent: pollable-crawler\nDisallow: /")}) == "robots_disallow"


@pytest.mark.parametrize(
    "robots",
    [
        pytest.param(page("", status="500 Oops"), id="500"),
        pytest.param(page("", status="503 Later"), id="503"),
        pytest.param(redirect("http://example.org/robots.txt"), id="elsewhere"),
        pytest.param(redirect("/robots.txt"), id="in a circle"),
        pytest.param(page("x", headers=["Content-Encoding: gzip"]), id="packed"),
        pytest.param(SLOW, id="slow"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_robots_txt_that_cannot_be_read_closes_the_site(robots: Answer) -> None:
    assert code_of({"/robots.txt": robots, "/": links()}) == "robots_unreachable"


@pytest.mark.parametrize(
    "robots",
    [
        pytest.param(NOT_FOUND, id="404"),
        pytest.param(page("", status="403 Forbidden"), id="403"),
        pytest.param(page("<html>Welcome!</html>"), id="a page"),
        pytest.param(redirect("/other.txt"), id="moved to a place that is empty"),
    ],
)
def test_a_site_without_robots_txt_is_open(robots: Answer) -> None:
    assert paths(crawled({"/robots.txt": robots, "/": links()})) == ["/"]


def test_a_page_that_fails_is_told_and_the_crawl_goes_on() -> None:
    answers: dict[str, Answer] = {
        "/": links("/slow", "/gone", "/broken", "/packed", "/last"),
        "/slow": SLOW,
        "/broken": b"nonsense\r\n",
        "/packed": page("x", headers=["Content-Encoding: gzip"]),
        "/last": links(),
    }
    report = crawled(answers, limits=IMPATIENT)
    assert [each.error for each in report.pages] == [None, "timeout", None, "broken", "packed", None]
    assert (at(report, "/gone").status, at(report, "/gone").words) == (404, 0)
    assert at(report, "/last").status == 200


def test_a_first_page_that_fails_fails_the_job() -> None:
    assert code_of({"/": b"nonsense\r\n"}) == "site_unreachable"


@pytest.mark.parametrize("content_type", ["application/pdf", "image/svg+xml", "text/plain", ""])
def test_what_is_no_html_is_named_and_not_read(content_type: str) -> None:
    other = page('<a href="/x">x</a>', content_type=content_type)
    report = crawled({"/": links("/file"), "/file": other})
    found = at(report, "/file")
    assert (found.status, found.content_type, found.links, found.words) == (200, content_type, 0, 0)


def test_a_huge_page_is_read_up_to_the_limit() -> None:
    huge = page("<a href=/near>x</a>" + "word " * 10_000 + "<a href=/far>x</a>")
    report = crawled({"/": huge, "/near": links()}, limits=Limits(page_bytes=1_000))
    assert paths(report) == ["/", "/near"]
    assert report.pages[0].truncated
    assert report.pages[0].words < 250


CHAIN: dict[str, Answer] = {"/": links("/1"), **{f"/{n}": links(f"/{n + 1}") for n in range(1, 30)}}


def test_pages_and_depth_are_limited() -> None:
    by_pages, by_depth = crawled(CHAIN, max_pages=3, max_depth=10), crawled(CHAIN, max_depth=2)
    assert paths(by_pages) == paths(by_depth) == ["/", "/1", "/2"]
    assert (by_pages.stopped_by, by_pages.not_visited) == ("pages", 1)
    assert (by_depth.stopped_by, by_depth.not_visited) == ("end", 1)


def test_bytes_and_time_are_limited() -> None:
    assert crawled(CHAIN, limits=Limits(all_bytes=100)).stopped_by == "bytes"
    slow = [links()[at : at + 1] for at in range(len(links()))]
    report = crawled({"/": links("/1", "/2", "/3"), "/1": slow, "/2": slow, "/3": slow}, limits=Limits(all_s=1.5))
    assert (report.stopped_by, report.not_visited, at(report, "/1").error) == ("time", 2, "timeout")


def test_a_calendar_has_an_end() -> None:
    months: dict[str, Answer] = {f"/calendar?month={n}": links(f"/calendar?month={n + 1}", "/after") for n in range(50)}
    answers = {"/": links("/calendar?month=0"), "/after": links(), **months}
    report = crawled(answers, max_depth=10, limits=Limits(queries=3))
    assert paths(report) == ["/", "/calendar?month=0", "/calendar?month=1", "/after", "/calendar?month=2"]
    assert report.not_visited == 1


def test_a_long_robots_txt_and_many_links_end_in_time() -> None:
    rules = page("User-agent: *\n" + "Disallow: /closed\n" * 25_000, content_type="text/plain")
    started = time.monotonic()
    report = crawled({"/robots.txt": rules, "/": links(*map(str, range(10_000)))}, limits=Limits(all_s=1.0))
    assert (report.stopped_by, time.monotonic() - started < 20) == ("time", True)


def test_a_path_stays_open_when_enough_of_its_queries_are_known() -> None:
    answers = {"/": links("/a?1", "/a?2", "/a?3", "/a"), "/a": links(), "/a?1": links()}
    report = crawled(answers, limits=Limits(queries=1))
    assert (paths(report), report.not_visited) == (["/", "/a?1", "/a"], 2)


def test_links_are_read_from_the_base_that_a_page_names() -> None:
    report = crawled({"/": page('<base href="/docs/"><a href="a">a</a>'), "/docs/a": links()})
    assert paths(report) == ["/", "/docs/a"]


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("caf\u00e9".encode(), "", "caf\u00e9"),
        ("caf\u00e9".encode("latin-1"), "iso-8859-1", "caf\u00e9"),
        ("\u20ac".encode("cp1252"), "ISO-8859-1", "\u20ac"),
        ("caf\u00e9".encode("utf-16"), "utf-8", "caf\u00e9"),
        ("\ufeffcaf\u00e9".encode(), "latin-1", "caf\u00e9"),
        (b'<meta charset="shift_jis">' + "\u65e5".encode("shift_jis"), "", '<meta charset="shift_jis">\u65e5'),
        (b"caf\xe9", "utf-8", "caf\ufffd"),
        ("caf\u00e9".encode(), "no-such-thing", "caf\u00e9"),
        (b"+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"),
        (b"abc-", "punycode", "abc-"),
        (b"616263", "hex", "616263"),
        (b"abc", "\x00", "abc"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_says(body: bytes, charset: str, text: str) -> None:
    assert decoded(body, charset) == text


@given(
    st.binary(max_size=200), st.text(max_size=20) | st.sampled_from(["utf-16", "gb18030", "euc-kr", "idna", "cp932"])
)
def test_any_bytes_are_read_as_some_text(body: bytes, charset: str) -> None:
    assert isinstance(decoded(body, charset), str)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(max_size=20), max_size=5), st.binary(max_size=100))
@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=\u00e4", "text/html; charset*=x''y"])
def test_any_page_gives_a_report(content_type: str, urls: list[str], noise: bytes) -> None:
    body = "".join(f'<a href="{url}">' for url in urls).encode() + noise
    answer = page(body, content_type=content_type.encode().decode("latin-1"))
    report = crawled({"/": answer}, limits=Limits(), max_pages=3)
    assert msgspec.json.decode(msgspec.json.encode(report), type=CrawlReport) == report


def test_every_page_is_reported_and_progress_never_goes_back(run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    report = crawled({"/": links("/a"), "/a": links("/b", "/c"), "/b": links(), "/c": links()})
    percents = [percent for percent, _ in recorder.reports]
    assert percents == sorted(percents)
    assert recorder.reports[-1] == (100, f"page 4: {report.pages[-1].url}")


def test_hosts_of_the_own_network_are_refused_unless_they_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRAWLER_NETWORKS")
    with serving({"/": links()}) as site:
        with pytest.raises(JobError) as raised:
            web_crawling(Crawl(site.origin))
        assert site.asked == []
    assert raised.value.code == "address_refused"


def test_the_guide_shows_what_a_crawl_gives() -> None:
    guide = (ROOT / "docs" / "envelopes.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r'^```json\n(\{"pages".*?)^```$', guide, re.MULTILINE | re.DOTALL)
    home = links("/old", "/new", "/private", "https://example.com/", title="Notes")
    robots = page("User-agent: *\nDisallow: /private\n", content_type="text/plain")
    with serving({"/robots.txt": robots, "/": home, "/old": redirect("/new", "301 Moved Permanently")}) as site:
        report = crawl(Crawl(site.origin), LIMITS)
        assert json.loads(shown.replace("https://example.org", site.origin)) == msgspec.to_builtins(report)
