"""The job type `web_crawling`: the pages of one site, as far as its robots.txt lets them be read."""

from __future__ import annotations

import codecs
import re
import time
from collections import Counter, deque
from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.markup import outline
from pollable.examples.robots import Robots, parse
from pollable.examples.sites import PRODUCT, FetchError, Reply, Site, address

_HTML = frozenset(["text/html", "application/xhtml+xml"])
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_MOST_HOPS = 5
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
# The encodings of the web. Python has others that browsers refuse, that are slow, or that are no encodings of text.
_ENCODINGS = re.compile(
    r"utf-(?:8|8-sig|16|16-le|16-be)|iso8859-\d+|cp\d+|koi8-[ru]|gb\w+|big5\w*|euc_\w+|shift_jis\w*"
)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Crawl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Where to begin, and how far to go."""

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, examples=["https://example.org/"])]
    max_pages: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    max_depth: Annotated[int, msgspec.Meta(ge=0, le=10, description="Links to follow from the first page on.")] = 3


class CrawledPage(msgspec.Struct, frozen=True, rename="camel"):
    """One address: what it answered, or in `error` why not: `timeout`, `unreachable`, `packed`, `broken`.

    `words` and `links` are those of HTML that came with status 200; `redirect` is where another status leads.
    """

    url: str
    depth: int
    linked_from: str | None
    status: int | None = None
    content_type: str = ""
    title: str = ""
    words: int = 0
    links: int = 0
    redirect: str | None = None
    truncated: bool = False
    error: str | None = None


class CrawlReport(msgspec.Struct, frozen=True, rename="camel"):
    """The pages in the order of their reading, why it ended, and what was left out."""

    pages: list[CrawledPage]
    stopped_by: Literal["end", "pages", "bytes", "time"]
    not_visited: int
    disallowed: int
    other_sites: int


class Limits(msgspec.Struct, frozen=True):
    """What no crawl exceeds; `queries` of one path are read, so that a calendar with a link to each day has an end."""

    page_bytes: int = 512_000
    all_bytes: int = 20_000_000
    page_s: float = 10.0
    all_s: float = 120.0
    known: int = 10_000
    queries: int = 10


class _Found(msgspec.Struct, frozen=True):
    url: str
    depth: int
    source: str | None


@job_type("web_crawling", envelope="managed", timeout_s=300)
def web_crawling(payload: Crawl) -> CrawlReport:
    """Read a site page by page, nearest first, and tell what each is called, answers, says and links to.

    It keeps to the scheme, host and port of the first address, redirects included, and to robots.txt by RFC 9309:
    without one everything is allowed, and with one that cannot be read nothing. Hosts that are not on the public
    internet are refused, unless the operator names their network in CRAWLER_NETWORKS. One page is asked for at a time;
    pages, bytes and time are limited.
    """
    return crawl(payload, Limits())


def crawl(order: Crawl, limits: Limits) -> CrawlReport:
    """Do what `web_crawling` does, within other limits."""
    site = Site(order.url)
    robots = _robots(site, limits)
    if not robots.allow(site.path(site.start)):
        raise JobError("robots_disallow", f"The robots.txt of the site does not let crawlers read {site.start}")
    return _Crawler(site, robots, order=order, limits=limits).run()


class _Crawler:
    def __init__(self, site: Site, robots: Robots, *, order: Crawl, limits: Limits) -> None:
        self._site, self._robots, self._order, self._limits = site, robots, order, limits
        self._until = time.monotonic() + limits.all_s
        self._queue = deque([_Found(site.start, 0, None)])
        self._known = {site.start}
        self._queries: Counter[str] = Counter()
        self._pages: list[CrawledPage] = []
        self._bytes = 0
        self._left: set[str] = set()
        self._disallowed: set[str] = set()
        self._others: set[str] = set()

    def run(self) -> CrawlReport:
        percent = 0.0
        while self._queue and not self._limit():
            found = self._queue.popleft()
            self._pages.append(self._visited(found))
            done = len(self._pages)
            # New links make the way longer, and progress does not go back.
            percent = max(percent, 100 * done / min(done + len(self._queue), self._order.max_pages))
            report_progress(percent, f"page {done}: {found.url}")
        return CrawlReport(
            self._pages,
            self._limit() or "end",
            len(self._left) + len(self._queue),
            len(self._disallowed),
            len(self._others),
        )

    def _limit(self) -> Literal["pages", "bytes", "time", ""]:
        # The page with which the bytes or the time ran out may have had more links.
        if self._bytes >= self._limits.all_bytes:
            return "bytes"
        if time.monotonic() >= self._until:
            return "time"
        return "pages" if self._queue and len(self._pages) >= self._order.max_pages else ""

    def _visited(self, found: _Found) -> CrawledPage:
        limit = min(self._limits.page_bytes, self._limits.all_bytes - self._bytes)
        within_s = max(0.1, min(self._limits.page_s, self._until - time.monotonic()))
        page = CrawledPage(found.url, found.depth, found.source)
        try:
            reply = self._site.get(self._site.path(found.url), limit=limit, within_s=within_s, types=_HTML)
        except FetchError as error:
            if not self._pages:
                raise JobError("site_unreachable", f"{found.url} cannot be read: {error}.") from None
            return msgspec.structs.replace(page, error=str(error))
        self._bytes += len(reply.body)
        page = msgspec.structs.replace(page, status=reply.status, content_type=reply.content_type[:100])
        if reply.status in _REDIRECTS and reply.location:
            return msgspec.structs.replace(page, redirect=self._redirected(found, reply.location))
        return self._read(found, page, reply) if reply.body else page

    def _redirected(self, found: _Found, location: str) -> str:
        target = address(location, base=found.url)
        if not self._pages and (target is None or not self._site.has(target)):
            raise JobError("site_redirects", f"{found.url} leads to {(target or location)[:300]}: begin there.")
        self._add(target, _Found(found.url, found.depth - 1, found.url))
        return target or location[:300]

    def _read(self, found: _Found, page: CrawledPage, reply: Reply) -> CrawledPage:
        read = outline(decoded(reply.body, reply.charset))
        base = address(read.base, base=found.url) or found.url
        links = dict.fromkeys(address(link.url, base=base) for link in read.links)
        for url in links:
            # Many links and a long robots.txt make much to compare.
            if time.monotonic() < self._until:
                self._add(url, found)
        count = len([url for url in links if url])
        title = read.title[:300]
        return msgspec.structs.replace(page, title=title, words=read.words, links=count, truncated=reply.truncated)

    def _add(self, url: str | None, source: _Found) -> None:
        if url is None or url in self._known:
            return
        if not self._site.has(url):
            self._count(url, self._others)
        elif not self._robots.allow(self._site.path(url)):
            self._count(url, self._disallowed)
        elif source.depth >= self._order.max_depth or self._is_too_much(url):
            self._count(url, self._left)
        else:
            self._left.discard(url)
            self._known.add(url)
            self._queue.append(_Found(url, source.depth + 1, source.url))

    def _is_too_much(self, url: str) -> bool:
        path, query = url.partition("?")[::2]
        if len(self._known) >= self._limits.known or (query and self._queries[path] >= self._limits.queries):
            return True
        self._queries[path] += bool(query)
        return False

    def _count(self, url: str, among: set[str]) -> None:
        if len(among) < self._limits.known:
            among.add(url)


def decoded(body: bytes, charset: str) -> str:
    """Read the text of a page: by its byte order mark, else as its header says, else its `meta`, else as UTF-8."""
    declared = _META_CHARSET.search(body[:1024])
    marked = next((name for mark, name in _MARKS if body.startswith(mark)), "")
    for name in (marked, charset, declared[1].decode() if declared else ""):
        with_name = _encoding(name)
        if with_name:
            return body.decode(with_name, "replace")
    return body.decode("utf-8", "replace")


def _encoding(name: str) -> str:
    # What calls itself Latin-1 or ASCII is Windows-1252, by the WHATWG's table.
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    found = "cp1252" if found in {"ascii", "iso8859-1"} else found
    return found if _ENCODINGS.fullmatch(found) else ""


def _robots(site: Site, limits: Limits) -> Robots:
    url = address("/robots.txt", base=site.start)
    why = ""
    for _ in range(_MOST_HOPS + 1):
        if url is None or not site.has(url):
            break
        try:
            reply = site.get(site.path(url), limit=512_000, within_s=limits.page_s)
        except FetchError as error:
            why = str(error)
            break
        if 400 <= reply.status < 500:
            return Robots()
        if 200 <= reply.status < 300:
            return parse(reply.body, PRODUCT)
        why = f"status {reply.status}"
        url = address(reply.location, base=url) if reply.status in _REDIRECTS else None
    raise JobError("robots_unreachable", f"The site's robots.txt cannot be read, so that no page may be: {why}.")
