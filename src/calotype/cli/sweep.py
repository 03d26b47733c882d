"""``calotype sweep``."""

from __future__ import annotations

import csv
import re
import secrets
from typing import Any

from calotype.cli.options import from_options, with_options
from calotype.cli.shared import Loading, ModelName, OutputOptions
from calotype.errors import UserError
from calotype.generate.request import MAX_SWEEP_PICTURES, OPTIONAL, Request, Sweep

ABSENT = "none"  # how a value is said that is not there


@with_options(Request, leave_out=["prompt", "images"], drawn=["seed"])
def sweep(
    *prompts: str,
    over: list[str],
    given: dict[str, Any],
    model: ModelName = "scenes",
    loading: Loading = Loading(),
    how: OutputOptions = OutputOptions(),
) -> None:
    """Make a picture for every combination of some options' values, and a sheet that shows them.

    Prints the paths, last that of the sheet. All pictures have the same seed unless it is swept.

    Parameters
    ----------
    prompts: str
        What the pictures show, each in quotes; several are swept too.
    over: list[str]
        OPTION=VALUE,VALUE,... ; up to three, with several prompts two: across, down, from sheet to
        sheet. FIRST..LAST counts; a value with a comma stands in quotes; none stands for no value.
    """
    varied = dict(map(_axis, over))
    if len(varied) < len(over):
        raise UserError(f"--over {' --over '.join(over)}: names an option twice")
    if bool(prompts) == ("prompt" in varied):
        message = "said twice, before --over and in it" if prompts else "none: say it in quotes"
        raise UserError(f"prompts: {message}")
    if len(prompts) > 1:
        varied["prompt"] = prompts
    given.setdefault("sampling", {}).setdefault("seed", secrets.randbelow(2**32))
    base = from_options(Request, {**given, "prompt": prompts[0] if prompts else ""})
    request = from_options(Sweep, {"base": base.model_dump(), "over": varied})
    from calotype.cli.folder import check_writable
    from calotype.cli.pictures import make_sweep

    check_writable(how.out)
    make_sweep(request, loading.load(model), how)


def _axis(text: str) -> tuple[str, tuple[Any, ...]]:
    """("steps", (5, 10)) of "steps=5,10"."""
    name, equals, values = text.partition("=")
    if not equals:
        raise UserError(f'--over = "{text}": must be OPTION=VALUE,VALUE,...')
    name = name.strip().removeprefix("--").replace("-", "_")
    try:
        (row,) = csv.reader([" ".join(values.splitlines())], skipinitialspace=True)
    except csv.Error as error:
        raise UserError(f"--over {name}: {error}") from None
    found = [value for each in row or [""] for value in _counted(each)]
    return name, tuple(None if value == ABSENT and name in OPTIONAL else value for value in found)


def _counted(value: str) -> list[Any]:
    """The numbers of "1..4"; any other value alone."""
    if not (ends := re.fullmatch(r"(\d{1,16})\.\.(\d{1,16})", value)):
        return [value]
    first, last = map(int, ends.groups())
    if not first <= last < first + MAX_SWEEP_PICTURES:
        raise UserError(
            f"--over: {value}: the first number must be the smaller, "
            f"and at most {MAX_SWEEP_PICTURES:,}"
        )
    return [*range(first, last + 1)]
