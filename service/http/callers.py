"""Whose jobs a caller may see."""

from service.auth import ANONYMOUS, Principal


def visible_to(principal: Principal) -> str | None:
    """The owner whose jobs these are; None: everybody's.

    Without authentication all callers are one owner, who is told what has expired as any owner is.
    """
    if principal is ANONYMOUS or "jobs:admin" not in principal.scopes:
        return principal.owner
    return None
