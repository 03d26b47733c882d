"""Settings that every test shares: no network, the same draws and examples on every run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

settings.register_profile("calotype", derandomize=True, deadline=None, database=None)
# For `make check`, by `pytest --hypothesis-profile quick`: the first fifth of each law's examples,
# but for laws that state their own number.
settings.register_profile("quick", settings.get_profile("calotype"), max_examples=20)
settings.load_profile("calotype")


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """What a test leaves to torch's own generator is the same alone and after any other test."""
    torch.manual_seed(0)
