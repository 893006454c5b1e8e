"""Which process runs on which core. With fewer than four there is nothing to part, and all share all."""

import os

import msgspec


class Cores(msgspec.Struct, frozen=True):
    """The cores of the servers, of Redis, and of whoever makes the load."""

    servers: set[int]
    redis: set[int]
    load: set[int]

    @property
    def are_apart(self) -> bool:
        return self.servers.isdisjoint(self.load)


def parted(cores: set[int]) -> Cores:
    """The last for the load, the one before for Redis, the others for the servers."""
    if len(cores) < 4:
        return Cores(cores, cores, cores)
    *servers, redis, load = sorted(cores)
    return Cores(set(servers), {redis}, {load})


CORES = parted(os.sched_getaffinity(0))
