"""A mistake is told in one message that fits the eye, however long what was wrong."""

from hypothesis import given
from hypothesis import strategies as st

from calotype.errors import MAX_MESSAGE_LENGTH, NotWhole, UserError


@given(st.text(max_size=40), st.integers(0, 5000), st.text(max_size=40))
def test_long_values_lose_their_middle(start: str, size: int, end: str) -> None:
    for kind in (UserError, NotWhole):
        whole = start + "x" * size + end
        told = str(kind(whole))
        assert len(told) <= MAX_MESSAGE_LENGTH
        assert told.startswith(start)
        assert told.endswith(end)
        if len(whole) <= MAX_MESSAGE_LENGTH:
            assert told == whole
