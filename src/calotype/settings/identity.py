"""IDENTITY: a mark on the settings that identify a run, with their values by dotted key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from calotype.settings.schema import named_by_tag, tag


@dataclass(frozen=True)
class _Mark:
    pass


IDENTITY = _Mark()
"""In the ``Annotated`` of a field: a run with another value is another run."""


def identity(settings: BaseModel) -> dict[str, Any]:
    """The marked fields of a table and of the tables in it: dotted key -> value as JSON."""
    return _marked(settings, settings.model_dump(mode="json"), prefix="")


def _marked(table: BaseModel, values: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in type(table).model_fields.items():
        inner = getattr(table, name)
        if IDENTITY in field.metadata:
            found[prefix + name] = values[name]
        elif isinstance(inner, BaseModel):
            by_tag = named_by_tag(field)
            if by_tag:
                found[prefix + name] = tag(type(inner))
            place = tag(type(inner)) if by_tag else name
            found |= _marked(inner, values[name], f"{prefix}{place}.")
    return found
