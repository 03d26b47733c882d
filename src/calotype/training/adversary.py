"""The adversary of an autoencoder: a discriminator, and the losses of both sides."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from calotype.autoencoder import (
    Adversarial,
    PatchDiscriminator,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    ramp,
)
from calotype.settings import Settings


class AdversarySettings(Settings):
    """The weight of the adversarial loss, and from when on both sides learn by it."""

    adversarial_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the patch-adversarial loss, relative to the other losses' "
        "gradient; 0: without, and no discriminator",
    )
    adversarial_loss: Adversarial = Field(
        default="hinge", description="of the discriminator: hinge, or vanilla, its cross entropy"
    )
    discriminator_start: int = Field(
        default=0, ge=0, description="samples after which the discriminator begins to learn"
    )
    adversarial_start: int = Field(
        default=8_000, ge=0, description="samples after which the autoencoder begins to learn by it"
    )
    adversarial_ramp: int = Field(
        default=8_000, ge=0, description="samples over which its weight then rises to the whole"
    )

    @model_validator(mode="after")
    def _check_adversarial_start(self) -> Self:
        if self.adversarial_weight and self.adversarial_start < self.discriminator_start:
            raise ValueError(
                f"adversarial_start = {self.adversarial_start}: must not come before "
                f"discriminator_start = {self.discriminator_start}"
            )
        return self


class Adversary:
    """A patch discriminator; the settings say when it begins to learn, and when to teach."""

    def __init__(self, settings: AdversarySettings, channels: int) -> None:
        self.own = settings
        self.discriminator = PatchDiscriminator(channels=channels)

    def losses(
        self,
        likeness: Tensor,
        reconstruction: Tensor,
        pictures: Tensor,
        last: Tensor,
        samples: int,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses of both sides, added: neither has a gradient where the other learns.

        likeness: scalar, the loss whose gradient at the weights ``last`` of the decoder's last
        layer the adversarial one is scaled to. reconstruction, pictures: (B, C, H, W). samples:
        seen so far.
        """
        own, metrics, total = self.own, {}, likeness.new_zeros(())
        part = ramp(samples, own.adversarial_start, own.adversarial_ramp)
        if part:
            self.discriminator.requires_grad_(False)
            fooled = generator_loss(self.discriminator(reconstruction))
            self.discriminator.requires_grad_(True)
            alike = adaptive_weight(likeness, fooled, last)
            total = total + part * own.adversarial_weight * alike * fooled
            metrics |= {"adversarial": fooled, "adaptive_weight": alike}
        if samples >= own.discriminator_start:
            real, fake = self.discriminator(torch.cat([pictures, reconstruction.detach()])).chunk(2)
            metrics["discriminator"] = discriminator_loss(real, fake, own.adversarial_loss)
            total = total + metrics["discriminator"]
        return total, metrics
