"""A schema as text: its keys, the values they allow, their defaults and meanings."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclasses.dataclass(frozen=True)
class Key:
    """One settings key: dotted name, the values it allows, its default as TOML, its meaning.

    when: for a key of one of several alternative tables, the setting that selects it; else empty.
    """

    name: str
    allowed: str
    default: str
    meaning: str
    when: str = ""


@dataclasses.dataclass(frozen=True)
class _NamedByTag:
    pass


NAMED_BY_TAG = _NamedByTag()
"""In the ``Annotated`` of a union of tables: in files, its key holds only the tag, and the table is
a key of that name beside it (``task = "text"``, then ``[text]``). The schema's ``from_written``
joins them."""


def explain(schema: Any) -> list[Key]:
    """Every key of a schema, depth first in the order of declaration.

    A key that is equal in all alternatives of a union is listed once.
    """
    return list(_keys(field_of(schema), prefix="", when=""))


def _keys(field: FieldInfo, prefix: str, when: str) -> Iterator[Key]:
    tables = [option for option in alternatives(field) if is_table(option)]
    if len(tables) == 1:
        yield from _keys_of_table(tables[0], prefix, when)
        return
    tags = either(shown(tag(table)) for table in tables)
    keys: list[Key] = []
    for table in tables:
        choice = ", ".join(filter(None, [when, f"{prefix}{tag_name(table)} = {shown(tag(table))}"]))
        for key in _keys_of_table(table, prefix, choice):
            if key.name == f"{prefix}{tag_name(table)}":
                key = dataclasses.replace(key, allowed=tags, default=_default(field))
            keys.append(key)
    yield from _shared_once(keys, len(tables), when)


def _shared_once(keys: list[Key], tables: int, when: str) -> Iterator[Key]:
    """The keys of ``tables`` alternatives; keys that are equal in all are listed once."""
    for key in keys:
        alike = [other for other in keys if dataclasses.replace(other, when=key.when) == key]
        if len(alike) < tables:
            yield key
        elif key is alike[0]:
            yield dataclasses.replace(key, when=when)


def _keys_of_table(table: Any, prefix: str, when: str) -> Iterator[Key]:
    for name, field in fields(table).items():
        meaning = " ".join((field.description or "").split())
        if named_by_tag(field):
            yield Key(prefix + name, allowed(field), _default(field), meaning, when)
            yield from _keys_by_tag(field, prefix, f"{prefix}{name}", when)
        elif is_leaf(field):
            yield Key(prefix + name, allowed(field), _default(field), meaning, when)
        else:
            yield from _keys(field, f"{prefix}{name}.", when)


def _keys_by_tag(field: FieldInfo, prefix: str, name: str, when: str) -> Iterator[Key]:
    """The keys of alternatives whose tables have their tags as names."""
    for table in alternatives(field):
        here = f"{prefix}{tag(table)}."
        choice = ", ".join(filter(None, [when, f"{name} = {shown(tag(table))}"]))
        for key in _keys_of_table(table, here, choice):
            if key.name != here + tag_name(table):
                yield key


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if is_table(type(value)):  # the default of a union: the tag of its table
        value = tag(type(value))
    return "none" if value is None else shown(value)


# --- Types ----------------------------------------------------------------------------------------


def field_of(annotation: Any) -> FieldInfo:
    """A type as a field without a default."""
    known = isinstance(annotation, FieldInfo)
    return annotation if known else FieldInfo.from_annotation(annotation)


def alternatives(field: FieldInfo) -> list[Any]:
    """The alternatives of a field's type, without None; for most fields one."""
    return [annotation for annotation, _ in _alternatives(field)]


def _alternatives(field: FieldInfo) -> list[tuple[Any, list[Any]]]:
    """The alternatives of a field's type, each with the metadata that bounds it."""
    if get_origin(field.annotation) not in (Union, UnionType):
        return [(field.annotation, field.metadata)]
    arguments = [a for a in get_args(field.annotation) if a is not NoneType]
    return [
        (annotation, [*field.metadata, *metadata])
        for a in arguments
        for annotation, metadata in _alternatives(field_of(a))
    ]


def item(options: list[Any]) -> FieldInfo:
    """The type of the items of a list, or of the values of a mapping."""
    arguments = [a for option in options for a in get_args(option) if a is not Ellipsis]
    return field_of(arguments[-1] if arguments else Any)


def is_table(annotation: Any) -> bool:
    """Whether a type is a table of named fields: a pydantic model or a dataclass."""
    return isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)
    )


def is_leaf(field: FieldInfo) -> bool:
    """Whether a field holds a value rather than a table."""
    return not any(is_table(option) for option in alternatives(field))


def fields(table: Any) -> dict[str, FieldInfo]:
    """The fields of a table; a dataclass describes them in its docstring. {} for other types."""
    if not is_table(table):
        return {}
    if issubclass(table, BaseModel):
        return dict(table.model_fields)
    hints = typing.get_type_hints(table, include_extras=True)
    described = dict(re.findall(r"^ +(\w+): (.+\n?(?:^ {8,}\S.*\n?)*)", table.__doc__ or "", re.M))
    found = {}
    for declared in (field for field in dataclasses.fields(table) if field.init):
        field = field_of(hints[declared.name])
        if declared.default is not dataclasses.MISSING:
            field.default = declared.default
        elif declared.default_factory is not dataclasses.MISSING:
            field.default_factory = declared.default_factory
        field.description = field.description or described.get(declared.name)
        found[declared.name] = field
    return found


def named_by_tag(field: FieldInfo) -> bool:
    """Whether a field is a union of tables that is written as ``NAMED_BY_TAG`` says."""
    return NAMED_BY_TAG in field.metadata


def tag(table: Any) -> str:
    """The value that selects this table among its alternatives; "" if it has none."""
    field = fields(table).get(tag_name(table))
    return str(get_args(field.annotation)[0]) if field else ""


def tag_name(table: Any) -> str:
    """The field that selects a table among its alternatives: the first that allows one value."""
    for name, field in fields(table).items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return name
    return ""


# --- Words ----------------------------------------------------------------------------------------


def allowed(field: FieldInfo) -> str:
    """The values that a field allows, as text: ``an integer from 1 to 1000``."""
    if named_by_tag(field):
        return either(shown(tag(table)) for table in alternatives(field))
    return either(dict.fromkeys(_in_words(*each) for each in _alternatives(field)))


def choices(field: FieldInfo) -> list[str]:
    """The values of a field of literals; [] for other fields."""
    literals = [option for option in alternatives(field) if get_origin(option) is Literal]
    return [str(choice) for literal in literals for choice in get_args(literal)]


def either(words: Iterable[str]) -> str:
    """The words as a list in a sentence: ``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def shown(value: Any) -> str:
    """A value as TOML, shortened to 60 characters."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) < 60 else text[:57] + "..."


def _in_words(annotation: Any, metadata: Sequence[Any]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = field_of(annotation)
        return _in_words(inner.annotation, [*metadata, *inner.metadata])
    if origin is Literal:
        return either(map(shown, arguments))
    if origin in (tuple, list, Sequence):
        inner = dict.fromkeys(_in_words(a, []) for a in arguments if a is not Ellipsis)
        return f"a list, each {either(inner)}"
    finite = any(getattr(m, "allow_inf_nan", None) is False for m in metadata)
    words = {
        bool: "true or false",
        int: "an integer",
        float: "a finite number" if finite else "a number",
        str: "text",
        Path: "a path",
    }
    return words.get(annotation, "a table") + _range(metadata)


def _range(metadata: Sequence[Any]) -> str:
    words = {
        "ge": "of {} or more",
        "gt": "above {}",
        "le": "of {} or less",
        "lt": "below {}",
        "multiple_of": "divisible by {}",
    }
    bound = {kind: getattr(m, kind) for m in metadata for kind in words if hasattr(m, kind)}
    if {"ge", "le"} <= bound.keys():
        return f" from {bound['ge']} to {bound['le']}"
    return "".join(f" {words[kind].format(value)}" for kind, value in bound.items())
