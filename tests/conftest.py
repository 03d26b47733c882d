"""Settings that every test shares: no network, the same draws and examples on every run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import settings

settings.register_profile("calotype", derandomize=True, deadline=None, database=None)
settings.load_profile("calotype")


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """What a test leaves to torch's own generator is the same alone and after any other test."""
    torch.manual_seed(0)
