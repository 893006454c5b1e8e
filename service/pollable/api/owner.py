"""Whose a job is, as one's own code says it."""

from typing import Self

import msgspec

from pollable.auth.issuer import issuer_name
from pollable.auth.principal import ANONYMOUS, is_nameable, owner_of
from pollable.errors import InvalidParameter
from pollable.settings import Settings


class Owner(msgspec.Struct, frozen=True):
    """An owner by the name that jobs carry: `Owner(job.owner)`, `Owner(job_context().owner)`."""

    name: str

    @classmethod
    def of(cls, subject: str, *, issuer: str = "") -> Self:
        """The owner whose tokens have this `sub`, and this `iss` (none: "").

        Raises `InvalidParameter` for what no token that is let in can have.
        """
        if not is_nameable(subject) or not (issuer == "" or is_nameable(issuer)):
            raise InvalidParameter("An owner's subject and issuer are printable text of 1 to 255 characters each.")
        return cls(owner_of(issuer, subject))


def owner_name(owner: str | Owner | None, settings: Settings) -> str:
    """The name that the job carries. A text is the `sub` of tokens of the deployment's own issuer; None: nobody's."""
    if owner is None:
        return ANONYMOUS.owner
    return owner.name if isinstance(owner, Owner) else Owner.of(owner, issuer=issuer_name(settings)).name
