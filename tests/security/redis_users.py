"""The Redis users that docs/deploying.md shows, made on a real server from the very text of the document."""

import re
from typing import Any

import redis

from tests.system.running import ROOT

DOCUMENT = (ROOT / "docs" / "deploying.md").read_text()
USERS: dict[str, list[str]] = {
    name: rules.split() for name, rules in re.findall(r"^user (pollable-\w+) (.*)$", DOCUMENT, re.MULTILINE)
}
WEB, WORKER = "pollable-web", "pollable-worker"


def commands(user: str) -> set[str]:
    """What the user may send, by name."""
    return {rule[1:] for rule in USERS[user] if rule.startswith("+")}


def install(admin: redis.Redis) -> None:
    for name, rules in USERS.items():
        admin.execute_command("ACL", "SETUSER", name, *rules)  # type: ignore[no-untyped-call] # redis-py


def address(url: str, user: str) -> str:
    return url.replace("unix://", f"unix://{user}:PASSWORD@")


def refusals(admin: Any) -> list[str]:
    """What Redis has refused to our users since it was asked last, as `user: object (context)`."""
    found = [
        f"{entry['username']}: {entry['object']} ({entry['context']})"
        for entry in admin.acl_log()
        if entry["username"] in USERS
    ]
    admin.acl_log_reset()
    return sorted(found)
