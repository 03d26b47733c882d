"""Published config.json files -> the fields of our config records; the rest is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from calotype.errors import UserError, nearest

MAX_NUMBER, MAX_LEVELS = 2**20, 64  # the largest integer, the longest list


def read_fields(
    config: type, values: Mapping[str, Any], inactive: Mapping[str, tuple[Any, ...]]
) -> dict[str, Any]:
    """The fields of the dataclass ``config`` among the published ``values``, lists as tuples.

    inactive: every other field that is known, with the values at which it changes nothing that is
    computed here. Names that begin with an underscore are notes of the writing program. Raises
    UserError for a field unknown to both, and for a value that is not supported.
    """
    ours = {field.name for field in fields(config)}
    kinds = get_type_hints(config)
    found = {}
    for name, value in values.items():
        value = _hashable(value)
        if name in ours:
            if value is None and kinds[name] is bool:
                continue  # some converters wrote null for false
            if not _fits(value, kinds[name]):
                raise UserError(f"{config.__name__}: {name} = {value!r:.60} has the wrong type")
            found[name] = value
        elif name in inactive:
            _require(config, name, value, inactive[name])
        elif not name.startswith("_"):
            raise UserError(
                f'{config.__name__} knows no field "{name}" (value {value!r})'
                + nearest(name, sorted(ours | inactive.keys()))
            )
    return found


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value of JSON has a field's type; integers and lists are bounded."""
    inside = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, each) for each in inside)
    if get_origin(kind) is Literal:
        return True  # the record itself checks the value
    if get_origin(kind) is tuple:
        each = inside[:1] * len(value) if inside[-1] is ... and isinstance(value, tuple) else inside
        fits = isinstance(value, tuple) and 0 < len(value) == len(each) <= MAX_LEVELS
        return fits and all(map(_fits, value, each))
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER
    return isinstance(value, NoneType if kind is None else kind)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _require(config: type, name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise UserError(f"{config.__name__}: {name} = {value!r} is not supported, only {choices}")
