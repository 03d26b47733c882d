"""The exception that a user's mistake raises, and how it names the nearest allowed word."""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_MESSAGE_LENGTH = 600  # characters of a message


class UserError(ValueError):
    """A mistake that the user can mend: one short message with value, what is allowed, what to do.

    The command line prints the message alone and exits with status 2; a traceback is for our own.
    Of a message that a foreign file's values make long, the middle is left out.
    """

    def __init__(self, message: str) -> None:
        if len(message) > MAX_MESSAGE_LENGTH:
            half = MAX_MESSAGE_LENGTH // 2
            message = f"{message[:half]} ... {message[-half + 5 :]}"
        super().__init__(message)


class NotWhole(UserError):
    """A file that was cut short or is of another format than its name says."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the closest of ``names``, or nothing if none is close."""
    found = get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f'; did you mean "{found[0]}"?' if found else ""
