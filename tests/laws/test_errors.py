"""A mistake has one message of limited length, for values of any length."""

from hypothesis import given
from hypothesis import strategies as st

from calotype.errors import MAX_MESSAGE_LENGTH, NotWhole, UserError


@given(st.text(max_size=40), st.integers(0, 5000), st.text(max_size=40))
def test_long_values_lose_their_middle(start: str, size: int, end: str) -> None:
    for kind in (UserError, NotWhole):
        whole = start + "x" * size + end
        message = str(kind(whole))
        assert len(message) <= MAX_MESSAGE_LENGTH
        assert message.startswith(start)
        assert message.endswith(end)
        if len(whole) <= MAX_MESSAGE_LENGTH:
            assert message == whole
