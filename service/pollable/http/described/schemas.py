"""The JSON Schemas that the description refers to, each under a name that says whose it is.

A name is made of its owner (an envelope, a job type) and of the class alone: no module's path is in it, and it stays as
it is when other job types or modules come and go.
"""

import hashlib
import re
from typing import Any

import msgspec

Document = dict[str, Any]

REF = "#/components/schemas/"
_REFERENCE = re.compile(rb'"#/components/schemas/(\w+)"')


def pascal(text: str) -> str:
    """`GenerateAssessment` of `generate_assessment`, `AiPreview` of `AI_PREVIEW`."""
    parts = re.split(r"[^A-Za-z0-9]+", text)
    return "".join(part.capitalize() if part.isupper() else part[:1].upper() + part[1:] for part in parts)


class Owner(msgspec.Struct, frozen=True):
    """Whose schemas begin with `prefix`; `kind` and `name` tell it from others who have the same one."""

    prefix: str = ""
    kind: str = ""
    name: str = ""

    @classmethod
    def named(cls, kind: str, name: str, *, part: str = "") -> "Owner":
        """An envelope, or a job type, or a part of it."""
        return cls(pascal(name) + part, kind + part, name)


OURS = Owner()


class Schemas:
    """All of one description; `components` are those that have a name."""

    def __init__(self) -> None:
        self.components: dict[str, Document] = {}
        self._names: dict[tuple[Owner, str], str] = {}
        # Some types cannot be hashed; kept with its schema, none is taken for one that is gone.
        self._known: dict[tuple[int, Owner], tuple[Any, Document]] = {}

    def of(self, kind: Any, *, owner: Owner, name: str | None = None) -> Document:
        """The schema of a type, under that `name` where one is given; what is in it has its owner's and its own."""
        known = self._known.get((id(kind), owner))
        if known is None:
            known = self._known[id(kind), owner] = kind, self._of(kind, owner=owner, name=name)
        return known[1]

    def _of(self, kind: Any, *, owner: Owner, name: str | None) -> Document:
        (schema,), found = msgspec.json.schema_components(
            (kind,), schema_hook=lambda _: {}, ref_template=f"{REF}{{name}}"
        )
        at_root = str(schema["$ref"]).removeprefix(REF) if schema.keys() == {"$ref"} else None
        names = {each: self._name(owner, each, wanted=name if each == at_root else None) for each in found}
        for each, component in found.items():
            self._add(names[each], _renamed(component, names))
        schema = _renamed(schema, names)
        return schema if name is None or at_root is not None else self.put(name, schema, owner=owner)

    def put(self, name: str, schema: Document, *, owner: Owner) -> Document:
        """A schema that no type of ours has, under this name; what leads to it."""
        given = self._name(owner, f"={name}", wanted=name)
        self._add(given, schema)
        return {"$ref": f"{REF}{given}"}

    def whole(self, schema: Document) -> Document:
        """The schema itself, where what is given only leads to it."""
        reference = schema.get("$ref")
        return schema if reference is None else self.components[reference.removeprefix(REF)]

    def reached(self, *roots: Document) -> dict[str, Document]:
        """The components that these lead to."""
        found, ahead = set[str](), list[Any](roots)
        while ahead:
            names = {name.decode() for name in _REFERENCE.findall(msgspec.json.encode(ahead.pop()))} - found
            found |= names
            ahead += [self.components[name] for name in names]
        return {name: schema for name, schema in self.components.items() if name in found}

    def _add(self, name: str, schema: Document) -> None:
        # Generators name a class by its title.
        self.components[name] = schema | ({"title": name} if "title" in schema else {})

    def _name(self, owner: Owner, found: str, *, wanted: str | None) -> str:
        identity = owner, found
        if identity not in self._names:
            # msgspec says the module, too, where two classes have one name.
            name = wanted or owner.prefix + pascal(found.rpartition(".")[2].removesuffix("Body") or "Job")
            if name in self._names.values():
                name += f"_{hashlib.blake2b(repr(identity).encode(), digest_size=4).hexdigest()}"
            self._names[identity] = name
        return self._names[identity]


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    match schema:
        case str() if schema.startswith(REF):
            return REF + names.get(schema.removeprefix(REF), schema.removeprefix(REF))
        case dict():
            return {key: _renamed(value, names) for key, value in schema.items()}
        case list() | tuple():
            return [_renamed(value, names) for value in schema]
    return schema
