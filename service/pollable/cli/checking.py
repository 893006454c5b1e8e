"""`pollable check`: all that a start would refuse, what is in force, and what the Redis says of itself."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import click
import msgspec
import redis
from redis.exceptions import RedisError, ResponseError

from pollable import catalog
from pollable.cli.documented import in_force
from pollable.cli.listening import Taken
from pollable.cli.serving import check
from pollable.settings import Settings
from pollable.storage import keys, risks
from pollable.storage.batch import WAIT_MS
from pollable.storage.connection import connect
from pollable.storage.scripts import source

_ANNOUNCED = ":pollable:announced"
_AT_ONCE = 1000
_MOST_SCANNED = 1_000_000


class Finding(msgspec.Struct, frozen=True):
    """One line about Redis, the workers or the port; a RISK is what the exit code tells of."""

    kind: str
    text: str


def run(settings: Settings, *, as_json: bool = False) -> bool:
    """Print it all; whether all is well. Raises `SettingsError` before anything is printed."""
    findings: list[Finding] = []
    try:
        settings = check(settings)
    except Taken as error:
        findings.append(Finding("RISK", str(error)))
    types = catalog.deployed(settings, may_be_empty=True)
    if as_json:
        findings.extend(_look(settings, types))
        return _print_json(settings, types, findings)
    click.echo(f"Settings   {' '.join(f'{name}={text}' for name, text in in_force(settings).items())}")
    click.echo(f"Job types  {', '.join(sorted(each.name for each in types)) or 'none'}")
    click.echo(f"Envelopes  {', '.join(settings.envelopes)}")
    click.echo(f"Queues     {', '.join(settings.queues)}; job types that name none go to {settings.default_queue}")
    is_well = True
    for finding in chain(findings, _look(settings, types)):
        click.echo(f"{finding.kind:<10} {finding.text}")
        is_well = is_well and finding.kind != "RISK"
    return is_well


def _print_json(settings: Settings, types: catalog.Catalog, findings: list[Finding]) -> bool:
    is_well = all(finding.kind != "RISK" for finding in findings)
    known = {
        "ok": is_well,
        "settings": in_force(settings),
        "jobTypes": sorted(each.name for each in types),
        "envelopes": settings.envelopes,
        "queues": settings.queues,
        "defaultQueue": settings.default_queue,
        "findings": findings,
    }
    click.echo(msgspec.json.encode(known))
    return is_well


def _look(settings: Settings, types: catalog.Catalog) -> Iterator[Finding]:
    where = settings.redis
    with connect(settings) as client:
        try:
            client.ping()
        except (RedisError, OSError) as error:
            yield Finding("RISK", f"{where} cannot be reached: {_said(error, settings)}")
            return
        yield Finding("ok", f"{where} can be reached")
        yield _written(client, settings)
        try:
            yield from (_shown(each, settings) for each in risks.look(client))
            if settings.replicas:
                yield _replicas(client, settings.replicas)
            yield from _workers(client, settings, types)
        except ResponseError as error:
            yield Finding("RISK", f"it refuses what the service asks: {_said(error, settings)}")
        except (RedisError, OSError) as error:
            yield Finding("RISK", f"it no longer answers: {_said(error, settings)}")


def _written(client: redis.Redis, settings: Settings) -> Finding:
    try:
        client.eval(risks.PROBE, 1, risks.PROBE_KEY)
    except (RedisError, OSError) as error:
        return Finding("RISK", f"it refuses what the service writes: {_said(error, settings)}")
    return Finding("ok", "it takes what the service writes")


def _replicas(client: redis.Redis, wanted: int) -> Finding:
    found = int(client.wait(wanted, WAIT_MS))
    if found < wanted:
        return Finding("RISK", f"{found} replicas answer, of POLLABLE_REPLICAS={wanted}: no submit is accepted")
    return Finding("ok", f"{found} replicas answer")


def _shown(found: risks.Finding, settings: Settings) -> Finding:
    if found.kind != "risk":
        return Finding(found.kind, found.text)
    return Finding("accepted" if settings.redis_risks == "accepted" else "RISK", f"{found.text}; {found.remedy}")


def _workers(client: redis.Redis, settings: Settings, types: catalog.Catalog) -> Iterator[Finding]:
    arguments = [keys.PREFIX, keys.RQ_PREFIX, *settings.queues]
    reply: Any = client.register_script(source("staffing"))(args=arguments)
    staffing = risks.Staffing.of(settings.queues, reply)
    differing = risks.disagreements(staffing, settings, risks.announced(types))
    for each in differing:
        yield Finding("RISK", f"{each.text}; {each.remedy}")
    prefix = keys.RQ_PREFIX[:-1]
    if any(staffing.known.values()):
        if not differing:
            yield Finding("ok", f"living workers agree with this (RQ_KEY_PREFIX {prefix})")
    elif others := sorted(_other_prefixes(client)):
        text = f"no worker lives under RQ_KEY_PREFIX {prefix}, yet there were some under {', '.join(others)}"
        yield Finding("RISK", f"{text}; give web and workers the same")
    else:
        yield Finding("unseen", f"no worker lives (RQ_KEY_PREFIX {prefix})")


def _other_prefixes(client: redis.Redis) -> set[str]:
    """Where workers announced themselves within two hours. Names of keys are read, and nothing that they hold."""
    found, scanned, cursor = set(), 0, 0
    while True:
        names: Any
        cursor, names = client.scan(cursor, match=f"*{_ANNOUNCED}", count=_AT_ONCE)
        found |= {str(name, errors="replace").removesuffix(_ANNOUNCED) for name in names}
        scanned += _AT_ONCE
        if not cursor or scanned >= _MOST_SCANNED:
            return found - {keys.RQ_PREFIX[:-1]}


def _said(error: Exception, settings: Settings) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    for password in (settings.redis.password, settings.redis.sentinel_password):
        said = said.replace(password, "***") if password else said
    return said
