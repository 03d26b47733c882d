"""Settings that every test shares: no network, the same hypothesis examples on every run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from hypothesis import settings

settings.register_profile("calotype", derandomize=True, deadline=None, database=None)
settings.load_profile("calotype")
