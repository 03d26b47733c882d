"""Settings from TOML and overrides."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from calotype.errors import UserError
from calotype.settings.mistakes import explain_error

M = TypeVar("M")


class Settings(BaseModel):
    """A table of settings: frozen, unknown keys forbidden, every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def from_written(cls, data: Any) -> Any:
        """What a file holds, in the form of the schema: shorter and older forms are rewritten here.

        It runs before pydantic, whose strict mode for JSON ends where a validator rewrites a table.
        UserError for what can't be rewritten.
        """
        return data


def read_settings(schema: type[M], path: Path, overrides: Sequence[str] = ()) -> M:
    """The settings in the TOML file at ``path``, changed by ``key.path=value`` overrides.

    Raises UserError: unreadable file, bad TOML (with its line), unknown key (with the nearest),
    value that is not allowed.
    """
    data = read_toml(path)
    for text in overrides:
        override(data, text)
    return validated(schema, data, where=f"{path}: ")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; raises UserError with the file and line of a syntax error."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        message, place = re.fullmatch(r"(.*?)(?: \((?:at )?(.*)\))?", str(error), re.S).groups()  # pyright: ignore[reportOptionalMemberAccess]
        raise UserError(f"{path}: {place or 'not TOML'}: {message}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not TOML: not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def override(data: dict[str, Any], text: str) -> None:
    """Set one key in nested tables from ``key.path=value``.

    The value is read as TOML; if it is not TOML it is text: ``name=first run`` needs no quotes.
    Raises UserError for another form and for a path through a value.
    """
    name, equals, value = text.partition("=")
    *parents, last = (part.strip() for part in name.split("."))
    if not equals or not all([*parents, last]):
        raise UserError(f'override "{text}": write it as key.path=value')
    if not value:
        raise UserError(f'override "{text}": no value; an empty text is written {name}=""')
    table = data
    for part in parents:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UserError(f'override "{text}": {part} is a value, not a table')
    table[last] = _toml_value(value.strip())


def _toml_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def validated(schema: type[M], data: Any, where: str = "") -> M:
    """``data`` (JSON-like values) as a ``schema``; raises UserError with one line.

    Strict: "1" and 1.0 are not integers, 1 is not true. Lists are read as tuples, text as paths.
    """
    try:
        if isinstance(schema, type) and issubclass(schema, Settings):
            data = schema.from_written(data)
        return TypeAdapter(schema).validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise UserError(where + explain_error(error, schema)) from None
    except UserError as error:
        raise UserError(f"{where}{error}") from None
