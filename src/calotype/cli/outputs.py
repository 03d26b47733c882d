"""Output files of commands: checked and opened before the work begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from calotype.errors import UserError


def _check_file(_: object, path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise ValueError("is a folder; name a file")


def _check_png(_: object, path: Path | None) -> None:
    if path is not None and path.suffix.lower() != ".png":
        raise ValueError("must be a .png file")


OutputFile = Annotated[Path, Parameter(validator=_check_file)]
PngFile = Annotated[Path, Parameter(validator=[_check_file, _check_png])]


@contextmanager
def open_files(*paths: Path | None) -> Iterator[list[Path | None]]:
    """Names to write to, which become ``paths`` when the block ends without an error.

    The files are opened first: a file that cannot be written fails before an hour of work, not
    after it. None stays None. Raises UserError for a path given twice or that cannot be written.
    """
    from calotype.checkpoints.files import write_atomically

    with ExitStack() as outputs:
        opened: list[Path | None] = []
        for number, path in enumerate(paths):
            if path is None:
                opened.append(None)
                continue
            if path in paths[:number]:
                raise UserError(f"{path}: is named twice")
            temporary = outputs.enter_context(write_atomically(path))
            temporary.touch()
            opened.append(temporary)
        yield opened
