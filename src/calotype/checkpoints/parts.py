"""Parts: a model at rest, whatever file or folder it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from calotype.checkpoints.component import Component
from calotype.conditioning import Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.unet import UNetConfig


@dataclass(frozen=True)
class Parts:
    """A model at rest: its networks, words and schedule, and how it was recognised.

    family: what it is, in words. rule: how the prediction type was found.
    probe: the rule is to be a trial of the UNet: see ``prediction``.
    unet_of_v: the UNet's config if it turns out to predict v; None: the one it has.
    dropped: what is there and no part of the model, with the reason.
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
    unet_of_v: UNetConfig | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[Component, Component, Component]:
        """UNet, autoencoder and text encoder."""
        return self.unet, self.autoencoder, self.text


def left_out(dropped: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(reason, what was left out for it) of what was dropped: one name, or how many."""
    reasons: dict[str, list[str]] = {}
    for name, why in dropped.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield why, names[0] if len(names) == 1 else f"{len(names)}, such as {names[0]}"
