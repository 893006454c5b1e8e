"""What one web process counts itself, until it is added to what all have counted."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

from redis.asyncio import ConnectionPool
from starlette.routing import Route
from starlette.types import Scope

from pollable.storage.batch import SIZES

REQUEST_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
"""Those of others are one: a label that callers choose would have no end of values."""

Observer = Callable[[Scope, int, float], None]
Growth = Mapping[str, int]
"""By how much each field of the hash has grown that `counts.lua` describes."""


class Meters:
    """Of requests, of batches, of calls of Redis."""

    def __init__(self) -> None:
        # By endpoint, method and status how many took how long, and at the end their seconds: all that a request costs.
        self._requests: dict[tuple[Any, str, int], list[float]] = {}
        self._routes: dict[Any, str] = {}
        self._pools: WeakSet[ConnectionPool] = WeakSet()
        self._calls = 0
        self._told: Counter[tuple[str, int]] = Counter(SIZES)
        self._others: Counter[str] = Counter()

    def observe(self, scope: Scope, status: int, duration_s: float) -> None:
        """A request that has ended."""
        key = scope.get("endpoint"), scope["method"], status
        try:
            series = self._requests[key]
        except KeyError:
            series = self._requests[key] = [0] * (len(REQUEST_BOUNDS_S) + 2)
            self._routes[key[0]] = _route(scope)
        series[bisect_left(REQUEST_BOUNDS_S, duration_s)] += 1
        series[-1] += duration_s

    def watch(self, pool: ConnectionPool) -> None:
        """Count its calls, each of which takes a connection, be it of one command or of a pipeline."""
        if pool in self._pools:
            return
        self._pools.add(pool)
        get_connection: Any = pool.get_connection

        async def counted(*arguments: Any, **options: Any) -> Any:
            self._calls += 1
            return await get_connection(*arguments, **options)

        pool.get_connection = counted  # type: ignore[method-assign]

    def scraped(self, duration_s: float) -> None:
        """The figures were asked for, and took so long."""
        self._others["scrape\tcount"] += 1
        self._others["scrape\tsum"] += round(duration_s * 1e6)

    def drain(self) -> Growth:
        """All since the last time."""
        grown, self._others = self._others, Counter()
        grown["calls"] += self._calls
        self._calls = 0
        requests, self._requests = self._requests, {}
        for (endpoint, method, status), series in requests.items():
            labels = f"{method if method in METHODS else 'other'}\t{self._routes[endpoint]}"
            grown[f"requests\t{labels}\t{status}"] += int(sum(series[:-1]))
            for bound, number in zip((*REQUEST_BOUNDS_S, "+Inf"), series[:-1], strict=True):
                grown[f"request\t{labels}\t{bound}"] += int(number)
            grown[f"request\t{labels}\tsum"] += round(series[-1] * 1e6)
        batches = Counter(SIZES)
        for (script, size), number in (batches - self._told).items():
            at = bisect_left(BATCH_BOUNDS, size)
            grown[f"batch\t{script}\t{(*BATCH_BOUNDS, '+Inf')[at]}"] += number
            grown[f"batch\t{script}\tsum"] += number * size * 1_000_000
        self._told = batches
        return {field: number for field, number in grown.items() if number}

    def put_back(self, grown: Growth) -> None:
        """What was drained could not be added."""
        self._others.update(grown)


def _route(scope: Scope) -> str:
    """The route's template; `none` where no route was found. Starlette before 1.1 does not say it itself."""
    endpoint = scope.get("endpoint")
    routes = (route for route in scope["app"].routes if isinstance(route, Route) and route.endpoint is endpoint)
    return next((route.path for route in routes), "none")
