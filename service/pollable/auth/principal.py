"""Who is asking: an owner and what they may do."""

import hashlib

import msgspec

from pollable.errors import InsufficientScope, InvalidToken

SCOPES = frozenset({"jobs:read", "jobs:write", "jobs:admin"})
"""`jobs:admin` widens the other two to every owner's jobs, and alone it allows the metrics."""

DEFAULT_SCOPES = frozenset({"jobs:read", "jobs:write"})
"""What a token may do that names none of them, unless they are required."""


class Principal(msgspec.Struct, frozen=True):
    """`owner` is a name of fixed length, safe in a Redis key (`owner_of`); `scopes` are among `SCOPES`."""

    owner: str
    scopes: frozenset[str]

    @property
    def visible_owner(self) -> str | None:
        """The owner whose jobs this caller may see and change; None: everybody's."""
        return None if "jobs:admin" in self.scopes else self.owner


ANONYMOUS = Principal(owner="anonymous", scopes=DEFAULT_SCOPES)
"""All callers, where authentication is off: they see and change each other's jobs, and none submitted with a token."""


class Verified(msgspec.Struct, frozen=True):
    """A principal whom a credential has proved, and the seconds for which it still does, unless it is taken back."""

    principal: Principal
    lasts_s: float
    is_revocable: bool = False


def owner_of(issuer: str, subject: str) -> str:
    """The owner's name: 32 hex digits. The subject holds no NUL, so that no two pairs are hashed alike."""
    return hashlib.blake2b(f"{issuer}\0{subject}".encode(), digest_size=16).hexdigest()


def is_nameable(text: str) -> bool:
    """Whether the text can name a subject or an issuer: printable, 1 to 255 characters."""
    return 1 <= len(text) <= 255 and text.isprintable()


def require(principal: Principal, scope: str) -> None:
    """Raises `InsufficientScope` with RFC 6750's challenge (section 3.1)."""
    if scope not in principal.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        raise InsufficientScope(f"This needs the scope {scope}.", headers={"WWW-Authenticate": challenge})


def invalid_token(reason: str) -> InvalidToken:
    """The 401 for a credential that does not count. `reason` is a sentence of ours: no quotes, nothing of the token."""
    challenge = f'Bearer error="invalid_token", error_description="{reason}"'
    return InvalidToken(reason, headers={"WWW-Authenticate": challenge})
