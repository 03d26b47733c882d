"""Published config.json files: which of their fields are ours, and which must be at rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from calotype.errors import UserError, nearest


def read_fields(
    config: type, values: Mapping[str, Any], inactive: Mapping[str, tuple[Any, ...]]
) -> dict[str, Any]:
    """The fields of the dataclass ``config`` among the published ``values``, lists as tuples.

    Every other field must be in ``inactive``, which gives the values that ask for nothing we don't
    have; names that begin with an underscore are notes of the writing program. Raises UserError
    for a field unknown to both, and for one whose value asks for more than is supported.
    """
    ours = {field.name for field in fields(config)}
    found = {}
    for name, value in values.items():
        value = _hashable(value)
        if name in ours:
            found[name] = value
        elif name in inactive:
            _require(config, name, value, inactive[name])
        elif not name.startswith("_"):
            raise UserError(
                f'{config.__name__} knows no field "{name}" (value {value!r})'
                + nearest(name, sorted(ours | inactive.keys()))
            )
    return found


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _require(config: type, name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise UserError(f"{config.__name__}: {name} = {value!r} is not supported, only {choices}")
