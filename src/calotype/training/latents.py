"""The latents of a training: pictures encoded once by a frozen first stage, sampled when seen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from calotype.autoencoder import Autoencoder, Pixels
from calotype.data import encoded_table
from calotype.diffusion import normal
from calotype.model import LatentDiffusion
from calotype.source import Source
from calotype.training.digest import digest
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, spread

MEASURED_PICTURES = 1024  # pictures over which the deviation of the latents is measured
USUAL_DEVIATION = 0.4, 2.5  # of scaled latents; noise levels are made for 1


class Latents:
    """Scaled latents of a source's pictures, a fresh sample of the posterior each time.

    The table of moments holds the mean and deviation of the raw latents of every picture; it is
    kept beside the cached pictures, or in the run's folder.

    digest: names the first stage, so that another one in its place is noticed.
    """

    def __init__(
        self, source: Source, model: LatentDiffusion, settings: RunSettings, report: ReportProgress
    ) -> None:
        self.model, self.seed, self.device = model, settings.seed, settings.loop.device
        self.digest = digest(model.autoencoder)
        self.channels = model.autoencoder.config.diffused_channels
        self._moments = encoded_table(
            self._encode,
            source,
            settings.data.cache or settings.out / "cache",
            f"moments of {self.digest}",
            "float32",
            lambda done, total: report("latents", done, total),
        )

    @torch.inference_mode()
    def _encode(self, pictures: Tensor) -> Tensor:
        """The moments (B, 2 C, h, w) of pictures; (B, C, h, w) where there is no deviation."""
        autoencoder = self.model.autoencoder
        posterior = autoencoder.encode(pictures.to(self.device))
        if not isinstance(autoencoder, Autoencoder):
            return posterior.mean.float()
        return torch.cat([posterior.mean, posterior.std], dim=1).float()

    def moments(self, indices: Sequence[int]) -> Tensor:
        """The moments of these pictures, for ``Batch.moments``."""
        return torch.from_numpy(self._moments[list(indices)])

    def sample(self, moments: Tensor, positions: Tensor) -> Tensor:
        """Scaled latents (B, C, h, w) of moments; seed and positions (B,) draw them."""
        mean, *deviations = moments.to(self.device).split(self.channels, dim=1)
        for std in deviations:
            noise = normal(self.seed, positions, "posterior", mean.shape[1:])
            mean = mean + std * noise.to(mean)
        return self.model.scale(mean)

    def remark(self, setting: str) -> tuple[str, ...]:
        """A sentence if the scaled latents are far from what noise levels are made for.

        setting: what names the autoencoder, with its value.
        """
        stage = self.model.autoencoder
        some = self.moments(spread(len(self._moments), MEASURED_PICTURES))[:, : self.channels]
        deviation = float(self.model.scale(some).std())
        usual = USUAL_DEVIATION[0] < deviation < USUAL_DEVIATION[1]
        if isinstance(stage, Pixels) or usual or not deviation:
            return ()
        fitting = stage.config.scaling_factor / deviation
        return (
            f"{setting}: its scaled latents have a deviation of {deviation:.2g}, where noise "
            "levels are made for 1; if that is not meant, write "
            f'"scaling_factor": {fitting:.4g} into its config.json',
        )
