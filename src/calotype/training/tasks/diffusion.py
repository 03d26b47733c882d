"""Training a text-conditional diffusion model in the latents of a frozen autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor, nn

from calotype.checkpoints import save
from calotype.example import Batch
from calotype.generate.request import Prompt
from calotype.training.beginning import BeginningSettings, begin, first_stage
from calotype.training.latents import Latents
from calotype.training.objective import Objective, ObjectiveSettings, require_weight
from calotype.training.preview import check_prompts, prompt_preview
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, open_source
from calotype.training.task import Group, Loss, Task


class DiffusionSettings(ObjectiveSettings, BeginningSettings):
    """The table ``[diffusion]`` of a recipe."""

    kind: Literal["diffusion"] = "diffusion"
    weights_until: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the run over which the pixels' weights count, falling linearly to 1; "
        "0: never",
    )
    preview_prompts: tuple[Prompt, ...] = Field(
        default=(), description="prompts of the preview grid"
    )
    preview_guidance: float = Field(
        default=3.0, ge=0, le=1000, description="guidance scale of the preview grid"
    )

    @model_validator(mode="after")
    def _check_text_rate(self) -> Self:
        if not self.text_rate and self.text is None and self.start is None:
            raise ValueError(
                "text_rate = 0: nothing would teach the words; name diffusion.text or .start"
            )
        return self

    @model_validator(mode="after")
    def _check_zero_terminal_snr(self) -> Self:
        if self.zero_terminal_snr and self.prediction == "epsilon":
            raise ValueError(
                'diffusion.zero_terminal_snr = true with diffusion.prediction = "epsilon": at '
                'noise alone it predicts nothing; use "v_prediction" or "sample"'
            )
        return self

    def make(self, settings: RunSettings, report: ReportProgress) -> DiffusionTask:
        return DiffusionTask(self, settings, report)


class DiffusionTask(Task):
    """UNet and text encoder train together, or the UNet alone; the autoencoder is frozen."""

    def __init__(self, own: DiffusionSettings, settings: RunSettings, report: ReportProgress):
        require_weight(own.weighting, own.zero_terminal_snr)
        self.own, self.settings = own, settings
        stage = first_stage(own, settings)
        self.source = open_source(settings.data, stage.factor, report)
        self.model = begin(own, settings, stage, self.source)
        check_prompts(self.model, own.preview_prompts, "diffusion.preview_prompts")
        self.objective = Objective(self.model.scheduler, self.model.conditioner, own, settings.seed)
        self.latents = Latents(self.source, self.model, settings, report)
        self.frozen = {"diffusion.autoencoder": self.latents.digest}
        self.remarks = self.latents.remark(f"diffusion.autoencoder = {own.autoencoder}")
        parts: dict[str, nn.Module] = {"unet": self.model.unet}
        if own.text_rate:
            parts["conditioner"] = self.model.conditioner
        self.model.conditioner.requires_grad_(bool(own.text_rate))
        self.network = nn.ModuleDict(parts)

    def groups(self) -> Sequence[Group]:
        shares = {"conditioner": self.own.text_rate}
        return [
            Group([*part.parameters()], share=shares.get(name, 1.0))
            for name, part in self.network.named_children()
        ]

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        return Batch(
            positions,
            self.source.known(indices, variants),
            weights=self._weights(indices, positions),
            moments=self.latents.moments(indices),
        )

    def _weights(self, indices: Sequence[int], positions: Tensor) -> Tensor | None:
        """How much each pixel counts, (B, H, W): the source's weights, fading as the run goes on.

        What is small in a picture is learned late, as it hardly shows in the loss. But a lasting
        weight would teach to draw too much of it, so the last part of a run has none.
        """
        fade = self.own.weights_until * self.settings.loop.samples
        if not fade or positions[0] >= fade:
            return None
        found = [example.weight for example in self.source.examples(indices)]
        part = 1 - (positions / fade).clamp(max=1)
        weights = [weight for weight in found if weight is not None]
        return 1 + part[:, None, None] * (torch.stack(weights) - 1) if weights else None

    def loss(self, batch: Batch) -> Loss:
        return Loss(self.denoising_loss(batch).mean(), {})

    def denoising_loss(self, batch: Batch) -> Tensor:
        """The loss of each sample, (B,)."""
        assert batch.moments is not None
        latents = self.latents.sample(batch.moments, batch.positions)
        return self.objective(self.model.unet, latents, batch.known, batch.positions, batch.weights)

    def preview(self) -> Image.Image:
        own = self.own
        return prompt_preview(self.model, own.preview_prompts, self.source, own.preview_guidance)

    def export(self, folder: Path) -> None:
        """Write the whole model as a folder that other programs open."""
        save(self.model, folder)
