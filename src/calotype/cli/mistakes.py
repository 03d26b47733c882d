"""One line for every mistake on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    ValidationError,
)

from calotype.cli.shared import Variant
from calotype.errors import UserError, nearest
from calotype.settings.schema import allowed, choices, either, field_of, shown


def one_line(error: CycloptsError | UserError, commands: Iterable[str]) -> str:
    """The message of a mistake: the option, the value, what is allowed, what to do."""
    if isinstance(error, UserError):
        return _with_option(" ".join(str(error).split()))
    see = " ".join(["see calotype", *(error.command_chain or ()), "--help"])
    if isinstance(error, CoercionError) and error.token and error.target_type:
        wanted, value = field_of(error.target_type), error.token.value
        hint = nearest(value, choices(wanted))
        return f"{_name(error)} = {shown(value)}: must be {allowed(wanted)}{hint}"
    if isinstance(error, ValidationError) and error.argument and error.argument.tokens:
        token = error.argument.tokens[0]
        return f"{token.keyword or error.argument.name} = {token.value}: {error.exception_message}"
    if isinstance(error, MissingArgumentError) and error.argument:
        return f"{error.keyword or error.argument.name}: a value is missing; {see}"
    if isinstance(error, UnknownOptionError):
        names = [name for argument in error.argument_collection for name in argument.names]
        name = (error.token.keyword or error.token.value).split("=")[0]
        return f'unknown option "{name}"{nearest(name, names) or f"; {see}"}'
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        name, known = error.unused_tokens[0], list(commands)
        return f'unknown command "{name}": must be {either(known)}{nearest(name, known)}'
    error.verbose = False
    return " ".join(f"{error}; {see}".split())


def _with_option(message: str) -> str:
    """A message that begins with an argument of loading and its value, under the option's name.

    The library names its arguments, "ema = True: ...".
    """
    options = {field.name for field in fields(Variant)}
    return f"--{message}" if message.partition(" = ")[0] in options else message


def _name(error: CoercionError) -> str:
    if error.token and error.token.keyword:
        return error.token.keyword
    return error.argument.name if error.argument else "value"
