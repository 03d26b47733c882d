"""The adversary of an autoencoder: a discriminator, and what both sides lose by it."""

from __future__ import annotations

import torch
from torch import Tensor

from calotype.autoencoder import (
    PatchDiscriminator,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    ramp,
)
from calotype.training.task_settings import AutoencoderSettings


class Adversary:
    """A patch discriminator that begins to learn, and to be heard, when the settings say."""

    def __init__(self, settings: AutoencoderSettings, channels: int) -> None:
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

        likeness: the loss that the adversarial one should pull like, at the weights ``last`` of the
        decoder's last layer. samples: seen so far.
        """
        own, metrics, total = self.own, {}, likeness.new_zeros(())
        heard = ramp(samples, own.adversarial_start, own.adversarial_ramp)
        if heard:
            self.discriminator.requires_grad_(False)
            fooled = generator_loss(self.discriminator(reconstruction))
            self.discriminator.requires_grad_(True)
            alike = adaptive_weight(likeness, fooled, last)
            total = total + heard * own.adversarial_weight * alike * fooled
            metrics |= {"adversarial": fooled, "adaptive_weight": alike}
        if samples >= own.discriminator_start:
            real, fake = self.discriminator(torch.cat([pictures, reconstruction.detach()])).chunk(2)
            metrics["discriminator"] = discriminator_loss(real, fake, own.adversarial_loss)
            total = total + metrics["discriminator"]
        return total, metrics
