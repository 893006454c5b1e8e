"""The settings of this process's environment, as every command begins with them."""

from pollable.auth.issuer import issuer_from
from pollable.settings import Settings, from_environment


def configured() -> Settings:
    """Checked whether the command uses them or not. Raises `SettingsError`."""
    settings = from_environment()
    if "jwt" in (settings.auth or ()):
        issuer_from(settings)
    return settings
