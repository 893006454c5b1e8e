"""Settings that are right one by one, and contradict each other."""

from typing import TYPE_CHECKING

from pollable.errors import SettingsError
from pollable.settings.fronts import is_loopback

if TYPE_CHECKING:
    from pollable.settings import Settings

TOKENS = frozenset({"jwt", "tokens"})
OF_WEB_TOKENS = (
    *("jwt_secret", "jwks_url", "cognito_pool", "cognito_clients", "jwt_algorithms", "jwt_issuer", "jwt_audience"),
    "scopes",
)


def require_agreement(settings: "Settings") -> None:
    """Raises `SettingsError`."""
    modes = set(settings.auth or ())
    if settings.auth is not None and modes != {"none"} and not (modes and TOKENS.issuperset(modes)):
        raise SettingsError("POLLABLE_AUTH is none alone, or jwt, tokens, or both.")
    for field in OF_WEB_TOKENS:
        if getattr(settings, field) and "jwt" not in modes:
            said = f"is {','.join(sorted(modes))}; add jwt, or unset it" if modes else "is not set; set it to jwt"
            raise SettingsError(f"POLLABLE_{field.upper()} is a setting for JSON Web Tokens, yet POLLABLE_AUTH {said}.")
    if settings.cognito_clients and not settings.cognito_pool:
        raise SettingsError("POLLABLE_COGNITO_CLIENTS names clients of a pool; set POLLABLE_COGNITO_POOL, too.")
    if settings.jwt_audience and not (settings.jwt_issuer or settings.cognito_pool):
        raise SettingsError("POLLABLE_JWT_AUDIENCE is whom an issuer's tokens are for; set POLLABLE_JWT_ISSUER, too.")
    if modes == {"none"} and not settings.hosts and not is_loopback(settings.host):
        raise SettingsError(
            f"POLLABLE_AUTH=none on {settings.host} lets in every web page that a browser near it shows; name in "
            "POLLABLE_HOSTS by what callers know the service, such as jobs.example.com, or * for any."
        )
    if "*" in settings.cors_origins and settings.is_open:
        raise SettingsError(
            "POLLABLE_CORS_ORIGINS=* with POLLABLE_AUTH=none lets in every page that is open in a browser near it; "
            "name the origins, such as http://localhost:5173, or set POLLABLE_AUTH to tokens or jwt."
        )
    if settings.metrics == "admin" and settings.is_open:
        raise SettingsError(
            "POLLABLE_METRICS=admin asks for a token, and everyone is let in without one; set POLLABLE_AUTH to tokens "
            "or jwt, or POLLABLE_METRICS to public."
        )
    if not settings.redis_tls_verify and not settings.redis.has_tls:
        raise SettingsError("POLLABLE_REDIS_TLS_VERIFY=false is for rediss://, and REDIS_URL is without TLS.")
