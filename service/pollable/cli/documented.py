"""Every setting as the README's table shows it, and what of them is in force."""

import ast
import inspect
from typing import Any

import msgspec

from pollable.auth.download import without_secrets
from pollable.settings import Settings, variable_of

SECRET = ("jwt_secret",)


class Documented(msgspec.Struct, frozen=True):
    """One setting; all of it text."""

    variable: str
    default: str
    description: str


def documented() -> list[Documented]:
    """Every setting, in declaration order."""
    sentences = _sentences()
    return [
        Documented(variable_of(field.name), _shown(field.default), sentences[field.name])
        for field in msgspec.structs.fields(Settings)
    ]


def settings_table() -> str:
    """They as a table in Markdown."""
    rows = [f"| `{row.variable}` | {_code(row.default)} | {row.description} |" for row in documented()]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def settings_json() -> bytes:
    """They as JSON: of each its name, default and meaning, all of it text."""
    rows = [{"setting": row.variable, "default": row.default, "meaning": row.description} for row in documented()]
    return msgspec.json.encode(rows)


def in_force(settings: Settings) -> dict[str, str]:
    """By variable, what differs from the defaults, and where Redis is; nothing of it is secret."""
    known = {field.name: (getattr(settings, field.name), field.default) for field in msgspec.structs.fields(Settings)}
    shown = {name: _shown(value) for name, (value, default) in known.items() if value != default}
    safe = {"redis_url": str(settings.redis), **{name: "(set)" for name in SECRET if name in shown}}
    if settings.jwks_url:
        safe["jwks_url"] = without_secrets(settings.jwks_url)
    return {variable_of(name): safe.get(name, text) for name, text in ({"redis_url": ""} | shown).items()}


def _sentences() -> dict[str, str]:
    """By field, the text below its declaration, which Python itself does not keep."""
    (declared,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(declared, ast.ClassDef)
    pairs = zip(declared.body, declared.body[1:], strict=False)
    return {
        field.target.id: " ".join(ast.literal_eval(text.value).split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr)
    }


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
