"""Mounted in another application: every path that is printed leads back to where it came from."""

from collections.abc import Callable
from typing import Any

import fastapi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Host, Mount
from starlette.types import ASGIApp

from pollable.settings import Settings
from tests.http.calling import PROJECT_ID
from tests.http.hosting import HOST, ORDER, asked, pollable_with
from tests.http.test_lifecycle import READS, SUBMITS

Hosting = Callable[[ASGIApp], ASGIApp]


def in_fastapi(app: ASGIApp, **options: Any) -> ASGIApp:
    host = fastapi.FastAPI(**options)
    host.mount("/pollable", app)
    return host


# How it is mounted, and how what its callers ask for begins.
HOSTS: dict[str, tuple[Hosting, str]] = {
    "not at all": (lambda app: app, ""),
    "at the root": (lambda app: Starlette(routes=[Mount("/", app)]), ""),
    "mounted": (lambda app: Starlette(routes=[Mount("/pollable", app)]), "/pollable"),
    "with a slash at the end": (lambda app: Starlette(routes=[Mount("/pollable/", app)]), "/pollable"),
    "in a mount": (lambda app: Starlette(routes=[Mount("/a", routes=[Mount("/b", app)])]), "/a/b"),
    "in an application in a mount": (lambda app: Starlette(routes=[Mount("/a", in_fastapi(app))]), "/a/pollable"),
    "with a parameter": (lambda app: Starlette(routes=[Mount("/of/{id}", app)]), "/of/somebody"),
    "with a blank": (lambda app: Starlette(routes=[Mount("/of/{tenant}", app)]), "/of/some%20body"),
    "with letters beyond ASCII": (lambda app: Starlette(routes=[Mount("/jöbs", app)]), "/j%C3%B6bs"),
    "named as one of its routes": (lambda app: Starlette(routes=[Mount("/jobs", app)]), "/jobs"),
    "by host": (lambda app: Starlette(routes=[Host("host.example", app)]), ""),
    "FastAPI": (in_fastapi, "/pollable"),
}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> tuple[Hosting, str]:
    return HOSTS[request.param]


@pytest.mark.parametrize("name", SUBMITS)
def test_a_job_is_read_where_its_location_says(settings: Settings, host: tuple[Hosting, str], name: str) -> None:
    mount, prefix = host
    pollable = pollable_with(settings)

    async def ask(client: httpx.AsyncClient) -> tuple[str, httpx.Response]:
        accepted = await client.post(prefix + SUBMITS[name], json={"text": "Leaves are green."})
        return accepted.headers["location"], await client.get(accepted.headers["location"])

    location, read = asked(pollable, mount(pollable), ask)
    assert location.startswith(prefix + READS[name].partition("{")[0])
    assert read.status_code == 200


def test_every_link_of_native_leads_somewhere(settings: Settings, host: tuple[Hosting, str]) -> None:
    mount, prefix = host
    pollable = pollable_with(settings)

    async def ask(client: httpx.AsyncClient) -> None:
        submitted = (await client.post(f"{prefix}/jobs", json=ORDER)).json()
        itself, cancel = submitted["links"]["self"], submitted["links"]["cancel"]
        read = await client.get(itself)
        for shown in (
            read.json(),
            (await client.get(f"{prefix}/jobs")).json()["jobs"][0],
            (await client.get(f"{prefix}/jobs", params={"id": submitted["id"]})).json()["jobs"][0],
        ):
            assert shown["links"] == submitted["links"]
        assert (await client.get(itself, headers={"if-none-match": read.headers["etag"]})).status_code == 304
        cancelled = (await client.post(cancel)).json()
        again = await client.post(cancelled["links"]["rerun"])
        assert again.json()["links"]["self"] == again.headers["location"]
        assert (await client.get(again.headers["location"])).json()["originalJobId"] == submitted["id"]

    asked(pollable, mount(pollable), ask)


def test_a_list_leads_from_page_to_page(settings: Settings, host: tuple[Hosting, str]) -> None:
    mount, prefix = host
    pollable = pollable_with(settings)

    async def ask(client: httpx.AsyncClient) -> list[list[str]]:
        for _ in range(5):
            await client.post(f"{prefix}/jobs", json=ORDER)
        page = await client.get(f"{prefix}/jobs?limit=2&status=queued&status=running&type=anything")
        pages = [page]
        while "next" in page.links:
            page = await client.get(page.links["next"]["url"])
            pages.append(page)
        assert [each.json()["cursor"] is None for each in pages] == ["next" not in each.links for each in pages]
        return [[job["id"] for job in each.json()["jobs"]] for each in pages]

    pages = asked(pollable, mount(pollable), ask)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({job_id for page in pages for job_id in page}) == 5


def test_the_description_says_below_what_its_paths_are(settings: Settings, host: tuple[Hosting, str]) -> None:
    mount, prefix = host
    pollable = pollable_with(settings)

    async def ask(client: httpx.AsyncClient) -> tuple[Any, Any]:
        return (await client.get(f"{prefix}/openapi.json")).json(), (await client.get(f"{prefix}/job-types")).json()

    described, types = asked(pollable, mount(pollable), ask)
    assert described["servers"] == [{"url": prefix or "/"}]
    assert "/jobs/{id}" in described["paths"]
    submits = {each["name"]: each["submit"] for each in types["jobTypes"]}
    assert submits["generate_assessment"] == f"{prefix}/generate_assessment"
    assert submits["anything"] is None


def test_an_envelope_of_ones_own_names_paths_there(settings: Settings) -> None:
    pollable = pollable_with(settings, envelopes=("native", "tests.envelopes.linked", "tests.envelopes.compact"))

    async def ask(client: httpx.AsyncClient) -> None:
        job_id = (await client.post("/pollable/jobs", json=ORDER)).json()["id"]
        for path in (f"/pollable/l/{job_id}", "/pollable/l?limit=1"):
            assert f'{{"me":"/pollable/l/{job_id}"}}' in (await client.get(path)).text
        # One that knows nothing of prefixes.
        assert (await client.get(f"/pollable/c/{job_id}")).json() == {"s": "q", "r": None}

    asked(pollable, Starlette(routes=[Mount("/pollable", pollable)]), ask)


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example/x", "/a%0D%0Aset-cookie:%20b=c", "/%3E;%20%22"])
def test_a_part_of_the_mount_that_the_caller_chose_stays_a_path_of_this_host(settings: Settings, path: str) -> None:
    pollable = pollable_with(settings)
    host = Starlette(routes=[Mount("/{anything:path}", pollable)] if "//" in path else [Mount("/{part}", pollable)])

    async def ask(client: httpx.AsyncClient) -> None:
        accepted = await client.post(f"{HOST}{path}/jobs", json=ORDER)
        second = await client.post(f"{HOST}{path}/jobs", json=ORDER)
        page = await client.get(f"{HOST}{path}/jobs?limit=1")
        for location in (accepted.headers["location"], second.headers["location"], page.links["next"]["url"]):
            assert location.startswith("/")
            assert httpx.URL(HOST).join(location).host == "host.example"
        assert "set-cookie" not in accepted.headers

    asked(pollable, host, ask)


def test_a_parameter_of_the_mount_is_nothing_of_the_jobs(settings: Settings) -> None:
    pollable = pollable_with(settings)

    async def ask(client: httpx.AsyncClient) -> Any:
        await client.post("/acme" + SUBMITS["agent"], json={"text": "a"})
        return (await client.get("/acme/jobs")).json()["jobs"][0]["context"]

    context = asked(pollable, Starlette(routes=[Mount("/{tenant}", pollable)]), ask)
    assert context == {"projectId": PROJECT_ID}


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
@pytest.mark.parametrize("path", ["/pollable", "/api/pollable"], ids=["stripped", "kept"])
@pytest.mark.parametrize("said", ["", "/api"], ids=["said once", "said twice"])
def test_the_root_path_of_fastapi_is_not_put_twice(settings: Settings, path: str, said: str) -> None:
    pollable = pollable_with(settings, path_prefix=said)

    async def ask(client: httpx.AsyncClient) -> str:
        return (await client.post(f"{path}/jobs", json=ORDER)).headers["location"]

    location = asked(pollable, in_fastapi(pollable, root_path="/api"), ask)
    assert location.startswith("/api/pollable/jobs/")


def test_the_setting_comes_before_the_mount(settings: Settings) -> None:
    pollable = pollable_with(settings, path_prefix="/pollable")

    async def ask(client: httpx.AsyncClient) -> str:
        return (await client.post("/pollable/jobs", json=ORDER)).headers["location"]

    # The proxy takes one off, the host has another.
    location = asked(pollable, Starlette(routes=[Mount("/pollable", pollable)]), ask)
    assert location.startswith("/pollable/pollable/jobs/")
