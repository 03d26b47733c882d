"""Parts: a model at rest, whatever file or folder it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from calotype.checkpoints.component import Component
from calotype.conditioning import Tokenizer
from calotype.diffusion import SchedulerConfig


@dataclass(frozen=True)
class Parts:
    """A model at rest: its networks, words and schedule, and how it was recognised.

    family: what it is, in words. rule: how the prediction type was found.
    probe: the rule is to be a trial of the UNet: see ``prediction``.
    dropped: tensors of the file that no part of the model is, with the reason.
    """

    unet: Component
    autoencoder: Component
    text: Component
    tokenizer: Tokenizer
    scheduler: SchedulerConfig
    name: str
    family: str
    rule: str
    probe: bool = False
    dropped: Mapping[str, str] = field(default_factory=dict)
