"""One-line messages for settings that are wrong: key, value, what is allowed, nearest name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from calotype.errors import nearest
from calotype.settings.schema import (
    allowed,
    alternatives,
    choices,
    either,
    explain,
    field_of,
    fields,
    is_leaf,
    item,
    named_by_tag,
    shown,
    tag,
)

Naming = Callable[[tuple[str, ...]], str]


def explain_error(error: ValidationError, schema: Any, name: Naming = ".".join) -> str:
    """One line for the first mistake in a pydantic error: the key, the value, what is allowed.

    name: how a path of keys is shown to the user (``optimizer.lr``, or ``--guidance-scale``).
    """
    details = error.errors(include_url=False)
    # A misspelt key is reported as unknown and as missing: the user can correct the first.
    unknown = [
        d for d in details if d["type"] in ("extra_forbidden", "unexpected_keyword_argument")
    ]
    # Where a text or several are allowed, one that is too long is also reported as not several.
    too_long = [d for d in details if d["type"] == "string_too_long"]
    detail = (unknown or too_long or details)[0]
    path, tables, field = _walk(schema, detail["loc"])
    if unknown:
        return f'unknown key "{name(path)}"{_nearest_key(schema, path, tables, name)}'
    value, kind = detail["input"], detail["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        context = detail.get("ctx", {})
        if not named_by_tag(field):
            path = (*path, str(context["discriminator"]).strip("'"))
        known = [tag(table) for table in alternatives(field)]
        return _wrong_choice(name(path), context.get("tag"), known)
    if kind in ("missing", "missing_argument"):
        return f"{name(path)} is missing: it must be {allowed(field)}"
    if kind == "value_error":  # raised by a validator of the schema
        message = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return f"{name(path)} = {shown(value)}: {message}" if is_leaf(field) else message
    if too_long:
        most = f"at most {detail['ctx']['max_length']:,} characters"  # pyright: ignore[reportTypedDictNotRequiredAccess]
        return f"{name(path)} = {shown(value)}: must have {most}, not {len(value):,}"
    hint = nearest(value, choices(field)) if isinstance(value, str) else ""
    words = allowed(field)
    if kind == "finite_number":
        words = words.replace("a number", "a finite number")
    return f"{name(path)} = {shown(value)}: must be {words}{hint}"


def _walk(schema: Any, loc: tuple[int | str, ...]) -> tuple[tuple[str, ...], list[Any], FieldInfo]:
    """The path of keys in pydantic's ``loc``, the tables that hold the last key, and its field.

    pydantic's path also names the alternative that it tried, by its tag or its type: left out here,
    or put in the place of the field's name where the table is named by its tag.
    """
    path: list[str] = []
    tables: list[Any] = []
    field = field_of(schema)
    for part in map(str, loc):
        options = alternatives(field)
        chosen = [o for o in options if part in (tag(o), getattr(o, "__name__", str(o)))]
        if len(options) > 1 and (chosen or not any(part in fields(o) for o in options)):
            if chosen and named_by_tag(field):
                path[-1] = part
            field = field_of(chosen[0]) if chosen else field
            continue
        path.append(part)
        tables = [option for option in options if fields(option)]
        found = [fields(table)[part] for table in tables if part in fields(table)]
        field = found[0] if found else item(options)
    return tuple(path), tables, field


def _nearest_key(schema: Any, path: tuple[str, ...], tables: list[Any], name: Naming) -> str:
    """A suggestion for an unknown key: the same key elsewhere, or a similar key of this table."""
    for key in explain(schema):
        if key.name == ".".join(path):
            return f"; it goes with {key.when}"
        if key.name.endswith(f".{path[-1]}"):
            return f'; did you mean "{name(tuple(key.name.split(".")))}"?'
    siblings = [key for table in tables for key in _written_keys(table)]
    # Compared without the path of their table, which is the same for all.
    close = get_close_matches(path[-1], siblings, n=1, cutoff=0.5)
    if close:
        return f'; did you mean "{name((*path[:-1], close[0]))}"?'
    return f"; the keys here are {', '.join(siblings)}"


def _written_keys(table: Any) -> Iterator[str]:
    """The keys of a table as files write them, with those of tables named by their tag."""
    for name, field in fields(table).items():
        yield name
        if named_by_tag(field):
            yield from (tag(option) for option in alternatives(field) if len(fields(option)) > 1)


def _wrong_choice(key: str, value: Any, known: list[str]) -> str:
    must = f"must be {either(map(shown, known))}"
    if value is None:
        return f"{key} is missing: it {must}"
    return f"{key} = {shown(value)}: {must}{nearest(str(value), known)}"
