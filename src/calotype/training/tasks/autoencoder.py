"""Training an autoencoder: L1 and a light KL; perceptual and patch-adversarial where asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from PIL import Image
from torch import Tensor, nn

from calotype.autoencoder import (
    Autoencoder,
    PatchDiscriminator,
    VQConfig,
    adaptive_weight,
    discriminator_loss,
    fold_latents,
    generator_loss,
    perceptual_distance,
    ramp,
    reconstruction_loss,
)
from calotype.checkpoints import save_component
from calotype.diffusion import normal
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import contact_sheet, to_images
from calotype.presets import autoencoder_config
from calotype.scenes.features import FeatureNetwork
from calotype.training.features import load_features
from calotype.training.settings import TrainSettings
from calotype.training.sources import Report, open_source
from calotype.training.task import Loss

MEASURED = 1024  # pictures over which the mean and scale of the latents are measured
SHOWN = 12  # pictures in the preview
SMALLEST = 24  # pixels of a side that leave the discriminator a patch


class AutoencoderTask:
    """The whole autoencoder trains, from pictures alone, beside a discriminator if one is wanted.

    Both take their step from one pass forward: the reconstructions that the autoencoder is judged
    by are those that the discriminator learns from.
    """

    def __init__(self, settings: TrainSettings, report: Report):
        if settings.autoencoder is None:
            raise UserError(
                "autoencoder: the table is missing; task autoencoder needs [autoencoder]"
            )
        self.settings, self.own = settings, settings.autoencoder
        config = autoencoder_config(self.own.preset)
        if isinstance(config, VQConfig):
            raise UserError(
                f'autoencoder.preset = "{self.own.preset}": has a codebook, which task autoencoder '
                "can't train; name one without, such as kl-f8"
            )
        if settings.data.size >> (self.own.scales - 1) == 0:
            raise UserError(
                f"autoencoder.scales = {self.own.scales}: data.size = {settings.data.size} can be "
                f"halved for {settings.data.size.bit_length()} scales at most"
            )
        if self.own.adversarial_weight and settings.data.size < SMALLEST:
            raise UserError(
                f"data.size = {settings.data.size}: the discriminator of "
                f"autoencoder.adversarial_weight looks at patches; it needs {SMALLEST} at least"
            )
        self.features = self._features()
        self.source = open_source(settings.data, config.factor, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.autoencoder = Autoencoder(config)
            self.discriminator = PatchDiscriminator() if self.own.adversarial_weight else None
        parts: dict[str, nn.Module] = {"autoencoder": self.autoencoder}
        if self.discriminator:
            parts["discriminator"] = self.discriminator
        self.network = nn.ModuleDict(parts)

    def _features(self) -> FeatureNetwork | None:
        """The network of the perceptual loss; frozen, and in no checkpoint."""
        if self.own.features is None or not self.own.perceptual_weight:
            return None
        device = self.settings.loop.device
        return load_features(self.own.features, "autoencoder.features", device)

    shares: Mapping[str, float] = MappingProxyType({})

    @property
    def count(self) -> int:
        return len(self.source)

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        return Batch.of(self.source.examples(indices), positions)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        device = self.settings.loop.device
        pictures = batch.pictures.to(device)
        weights = None if batch.weights is None else batch.weights.to(device)
        posterior = self.autoencoder.encode(pictures)
        draw = normal(self.settings.seed, batch.positions, "posterior", posterior.mean.shape[1:])
        reconstruction = self.autoencoder.decode(posterior.sample(draw.to(pictures)))
        l1 = reconstruction_loss(reconstruction, pictures, weights, self.own.scales).mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        found = {"l1": l1, "kl": kl}
        likeness = l1
        if self.features:
            seen = perceptual_distance(self.features(reconstruction), self.features(pictures))
            found["perceptual"] = seen.mean()
            likeness = l1 + self.own.perceptual_weight * found["perceptual"]
        total = likeness + self.own.kl_weight * kl
        if self.discriminator:
            adversarial, metrics = self._adversarial(
                self.discriminator, likeness, reconstruction, pictures, int(batch.positions[0])
            )
            total, found = total + adversarial, found | metrics
        return Loss(total, found)

    def _adversarial(
        self,
        discriminator: PatchDiscriminator,
        likeness: Tensor,
        reconstruction: Tensor,
        pictures: Tensor,
        samples: int,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses of both sides, added: neither has a gradient where the other learns."""
        own, metrics = self.own, {}
        total = torch.zeros_like(likeness)
        heard = ramp(samples, own.adversarial_start, own.adversarial_ramp)
        if heard:
            discriminator.requires_grad_(False)
            fooled = generator_loss(discriminator(reconstruction))
            discriminator.requires_grad_(True)
            last = self.autoencoder.decoder.conv_out.weight
            alike = adaptive_weight(likeness, fooled, last)
            total = total + heard * own.adversarial_weight * alike * fooled
            metrics |= {"adversarial": fooled, "adaptive_weight": alike}
        if samples >= own.discriminator_start:
            logits = discriminator(torch.cat([pictures, reconstruction.detach()]))
            metrics["discriminator"] = discriminator_loss(*logits.chunk(2))
            total = total + metrics["discriminator"]
        return total, metrics

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        pictures = self._pictures(0, SHOWN)
        pairs = torch.stack(
            [pictures, self.autoencoder.decode(self.autoencoder.encode(pictures).mean)], 1
        )
        return contact_sheet(to_images(pairs.flatten(0, 1)), columns=6)

    def export(self, folder: Path) -> None:
        """Fold the latents' measured mean and scale into the network; write the ``vae`` folder."""
        with torch.inference_mode():
            means = torch.cat(
                [
                    self.autoencoder.encode(self._pictures(start, start + 32)).mean.float().cpu()
                    for start in range(0, min(MEASURED, len(self.source)), 32)
                ]
            )
        std = means.std(dim=(0, 2, 3))
        if not (std > 0).all():
            raise UserError(
                "autoencoder: a channel of the latents is the same for all pictures, so its scale "
                "can't be measured; train on more, and more varied, pictures"
            )
        fold_latents(self.autoencoder, means.mean(dim=(0, 2, 3)), std)
        config = replace(self.autoencoder.config, scaling_factor=1.0, shift_factor=None)
        self.autoencoder.config = config
        save_component(self.autoencoder, folder / "vae")

    def _pictures(self, start: int, stop: int) -> Tensor:
        examples = self.source.examples(range(start, min(stop, len(self.source))))
        return torch.stack([e.picture for e in examples]).to(self.settings.loop.device)
