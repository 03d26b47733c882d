"""Typed settings <- TOML <- dotted overrides, and the one-line messages for what does not fit.

A settings schema is a frozen pydantic model that forbids unknown keys, every field described::

    class Optimizer(Settings):
        lr: float = Field(1e-4, gt=0, description="step size")

Stdlib dataclasses (the network configs) serve as sub-tables as they are; unions of tables have a
discriminator field, whose value is the tag of the alternative.
"""

from calotype.settings.identity import IDENTITY, identity
from calotype.settings.mistakes import explain_error
from calotype.settings.read import Settings, override, read_settings, read_toml, validated
from calotype.settings.schema import NAMED_BY_TAG, Key, explain

__all__ = [
    "IDENTITY",
    "NAMED_BY_TAG",
    "Key",
    "Settings",
    "explain",
    "explain_error",
    "identity",
    "override",
    "read_settings",
    "read_toml",
    "validated",
]
