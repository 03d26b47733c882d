"""Command-line options made from the fields of a request record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_origin

from cyclopts import Parameter
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from calotype.errors import UserError
from calotype.settings import explain_error
from calotype.settings.schema import allowed, alternatives, fields, is_leaf

M = TypeVar("M", bound=BaseModel)
Command = Callable[..., Any]


def option(path: Sequence[str]) -> str:
    """The option of a field: ``("sampling", "guidance_scale")`` is ``--guidance-scale``.

    Numbers of items are left out; the prompt is no option but a command's argument.
    """
    name = [part for part in path if not part.isdigit()][-1]
    return name if name == "prompt" else "--" + name.replace("_", "-")


def with_options(
    schema: type[BaseModel], leave_out: Sequence[str], drawn: Sequence[str] = ()
) -> Callable[[Command], Command]:
    """Give a command an option for every field of ``schema``, those of its tables included.

    The command receives the options that were given as ``given``, nested as the schema is.
    drawn: fields that the command draws at random where they are not given.
    """
    paths = {
        path[-1]: (path, field) for path, field in _leaves(schema, ()) if path[-1] not in leave_out
    }

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(*args: Any, **options: Any) -> Any:
            given: dict[str, Any] = {}
            for name, (path, _) in paths.items():
                value = options.pop(name, None)
                if value is not None:
                    table = functools.reduce(lambda t, key: t.setdefault(key, {}), path[:-1], given)
                    table[name] = value
            return command(*args, given=given, **options)

        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "given"]
        made = [
            _parameter(path, field, "random" if name in drawn else field.default)
            for name, (path, field) in paths.items()
        ]
        called.__signature__ = signature.replace(parameters=[*own, *made])  # pyright: ignore[reportAttributeAccessIssue]
        called.__annotations__ = {p.name: p.annotation for p in [*own, *made]}
        del called.__wrapped__  # pyright: ignore[reportAttributeAccessIssue]
        return called

    return decorate


def from_options(schema: type[M], values: dict[str, Any]) -> M:
    """The record of the given values; raises UserError that speaks of options."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise UserError(explain_error(error, schema, option)) from None


def _leaves(schema: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], FieldInfo]]:
    found = []
    for name, field in fields(schema).items():
        if is_leaf(field):
            found.append(((*path, name), field))
        else:
            found += [
                leaf for table in alternatives(field) for leaf in _leaves(table, (*path, name))
            ]
    return found


def _parameter(path: tuple[str, ...], field: FieldInfo, default: Any) -> inspect.Parameter:
    """A keyword that is None unless given, so that the record keeps its own defaults."""
    (kind,) = alternatives(field)
    if get_origin(kind) is Literal:
        kind = str  # the record knows other names for some, and says which there are
    unless_given = f"; default {default}" if default not in (None, "", ()) else ""
    text = f"{field.description} ({allowed(field)}{unless_given})"
    annotation = Annotated[kind | None, Parameter(name=option(path), help=text)]
    return inspect.Parameter(
        path[-1], inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
