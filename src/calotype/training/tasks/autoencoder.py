"""Training an autoencoder: L1 at several scales and a light KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from PIL import Image
from torch import Tensor

from calotype.autoencoder import Autoencoder, fold_latents, reconstruction_loss
from calotype.checkpoints import save_component
from calotype.diffusion import normal
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import contact_sheet, to_images
from calotype.presets import autoencoder_config
from calotype.training.settings import TrainSettings
from calotype.training.sources import Report, open_source
from calotype.training.task import Loss

MEASURED = 1024  # pictures over which the mean and scale of the latents are measured
SHOWN = 12  # pictures in the preview


class AutoencoderTask:
    """The whole autoencoder trains, from pictures alone."""

    def __init__(self, settings: TrainSettings, report: Report):
        if settings.autoencoder is None:
            raise UserError(
                "autoencoder: the table is missing; task autoencoder needs [autoencoder]"
            )
        self.settings, self.own = settings, settings.autoencoder
        config = autoencoder_config(self.own.preset)
        if settings.data.size >> (self.own.scales - 1) == 0:
            raise UserError(
                f"autoencoder.scales = {self.own.scales}: data.size = {settings.data.size} can be "
                f"halved for {settings.data.size.bit_length()} scales at most"
            )
        self.source = open_source(settings.data, config.factor, report)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = Autoencoder(config)

    shares: Mapping[str, float] = MappingProxyType({})

    @property
    def count(self) -> int:
        return len(self.source)

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        examples = self.source.examples(indices)
        weights = [example.weight for example in examples if example.weight is not None]
        return Batch(
            positions,
            tuple(example.caption for example in examples),
            torch.stack([example.picture for example in examples]),
            torch.stack(weights) if weights else None,
        )

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        device = self.settings.loop.device
        pictures = batch.pictures.to(device)
        weights = None if batch.weights is None else batch.weights.to(device)
        posterior = self.network.encode(pictures)
        draw = normal(self.settings.seed, batch.positions, "posterior", posterior.mean.shape[1:])
        reconstruction = self.network.decode(posterior.sample(draw.to(pictures)))
        l1 = reconstruction_loss(reconstruction, pictures, weights, self.own.scales).mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        return Loss(l1 + self.own.kl_weight * kl, {"l1": l1, "kl": kl})

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        pictures = self._pictures(0, SHOWN)
        pairs = torch.stack([pictures, self.network.decode(self.network.encode(pictures).mean)], 1)
        return contact_sheet(to_images(pairs.flatten(0, 1)), columns=6)

    def export(self, folder: Path) -> None:
        """Fold the latents' measured mean and scale into the network; write the ``vae`` folder."""
        with torch.inference_mode():
            means = torch.cat(
                [
                    self.network.encode(self._pictures(start, start + 32)).mean.float().cpu()
                    for start in range(0, min(MEASURED, len(self.source)), 32)
                ]
            )
        std = means.std(dim=(0, 2, 3))
        if not (std > 0).all():
            raise UserError(
                "autoencoder: a channel of the latents is the same for all pictures, so its scale "
                "can't be measured; train on more, and more varied, pictures"
            )
        fold_latents(self.network, means.mean(dim=(0, 2, 3)), std)
        self.network.config = replace(self.network.config, scaling_factor=1.0, shift_factor=None)
        save_component(self.network, folder / "vae")

    def _pictures(self, start: int, stop: int) -> Tensor:
        examples = self.source.examples(range(start, min(stop, len(self.source))))
        return torch.stack([e.picture for e in examples]).to(self.settings.loop.device)
