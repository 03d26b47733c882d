"""Training an autoencoder: whole or its decoder, with KL or codebook, with or without adversary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor, nn

from calotype.autoencoder import (
    Autoencoder,
    Norm,
    Pixels,
    VQAutoencoder,
    autoencoder_of,
    fold_latents,
    reconstruction_loss,
)
from calotype.checkpoints import load_autoencoder, save_component
from calotype.diffusion import normal
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.presets import autoencoder_config
from calotype.settings import IDENTITY
from calotype.training.adversary import Adversary, AdversarySettings
from calotype.training.codebook import CodebookCare
from calotype.training.digest import digest
from calotype.training.perceptual import PerceptualSettings, perceptual
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress, open_source, require_channels, spread
from calotype.training.task import Group, Loss, Task

MEASURED_PICTURES = 1024  # pictures over which the mean and scale of the latents are measured
PREVIEW_PICTURES = 12  # pictures in the preview
DISCRIMINATOR = "discriminator"  # the adversary's part of the network
MIN_SIZE = 24  # pixels of a side that leave the discriminator a patch


class AutoencoderSettings(AdversarySettings, PerceptualSettings):
    """The table ``[autoencoder]`` of a recipe."""

    kind: Literal["autoencoder"] = "autoencoder"
    preset: Annotated[str, IDENTITY] = Field(
        default="scenes", description="named network; calotype presets lists them"
    )
    start: Annotated[Path | None, IDENTITY] = Field(
        default=None,
        description="trained autoencoder that the run goes on from: a folder, a file, or that of "
        'the model "scenes"; it replaces the preset\'s; none: from nothing',
    )
    decoder_only: Annotated[bool, IDENTITY] = Field(
        default=False,
        description="the decoder of start trains alone: latents stay what they were, and diffusion "
        "models in them keep working",
    )
    kl_weight: float = Field(
        default=1e-6,
        ge=0,
        description="weight of the KL divergence, a mean over the latent's numbers",
    )
    codebook_weight: float = Field(
        default=1.0,
        ge=0,
        description="of an autoencoder with a codebook: weight of the loss that brings its vectors "
        "and the latents near each other, a mean too",
    )
    codebook: Annotated[Literal["gradient", "ema"], IDENTITY] = Field(
        default="gradient",
        description="how the vectors move: by the gradient of that loss, or as running means (ema) "
        "of the latents that they are nearest to",
    )
    norm: Norm = Field(default="l1", description="l1: absolute, l2: squared error of the pixels")
    scales: int = Field(default=4, ge=1, le=8, description="at how many resolutions it is taken")

    @model_validator(mode="after")
    def _check_decoder_only(self) -> Self:
        if self.decoder_only and self.start is None:
            raise ValueError("decoder_only = true: the latents of which? Name autoencoder.start")
        return self

    def make(self, settings: RunSettings, report: ReportProgress) -> AutoencoderTask:
        return AutoencoderTask(self, settings, report)


class AutoencoderTask(Task):
    """Learns from pictures alone, beside a discriminator if one is wanted.

    Both take their step from one pass forward: the discriminator learns from the reconstructions
    that the autoencoder's loss compares. Where the decoder trains alone, latents stay what they
    were, and diffusion models that were trained in them keep working.
    """

    def __init__(self, own: AutoencoderSettings, settings: RunSettings, report: ReportProgress):
        self.settings, self.own = settings, own
        _check_size(own, settings.data.size)
        self.perceptual = perceptual(own, settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.autoencoder = self._first()
            _check_idle(self.own, self.autoencoder)
            channels = self.autoencoder.config.in_channels
            adversary = Adversary(self.own, channels) if self.own.adversarial_weight else None
        self.source = open_source(settings.data, self.autoencoder.factor, report)
        self.adversary, self.codebook = adversary, None
        parts: dict[str, nn.Module] = {"autoencoder": self.autoencoder}
        if self.own.decoder_only:
            parts = self._decoder_alone()
        elif isinstance(self.autoencoder, VQAutoencoder):
            self.codebook = CodebookCare(self.autoencoder.quantize, self.own.codebook == "ema")
            parts["codebook"] = self.codebook
        if self.adversary:
            parts[DISCRIMINATOR] = self.adversary.discriminator
        self.network = nn.ModuleDict(parts)
        if self.own.decoder_only:
            self.frozen = {"autoencoder.start": digest(self.autoencoder)}

    def _decoder_alone(self) -> dict[str, nn.Module]:
        """The parts that train where all that makes latents is frozen."""
        self.autoencoder.to(self.settings.loop.device).requires_grad_(False)
        parts: dict[str, nn.Module] = {"decoder": self.autoencoder.decoder}
        if self.autoencoder.post_quant_conv is not None:
            parts["post_quant_conv"] = self.autoencoder.post_quant_conv
        for part in parts.values():
            part.requires_grad_(True)
        return parts

    def _first(self) -> Autoencoder | VQAutoencoder:
        """The autoencoder before the first step: new, or the one that the run goes on from."""
        if self.own.start is not None:
            found = load_autoencoder(self.own.start, dtype=torch.float32)
            if isinstance(found, Pixels):
                raise UserError(f"autoencoder.start = {self.own.start}: nothing in it can train")
            require_channels(found, self.settings.data.channels, "autoencoder.start")
            if not self.own.decoder_only and None in (found.quant_conv, found.post_quant_conv):
                raise UserError(
                    f"autoencoder.start = {self.own.start}: lacks quant_conv or post_quant_conv, "
                    "into which the latents' scale is folded; only decoder_only = true can train it"
                )
            return found
        channels = self.settings.data.channels
        config = autoencoder_config(self.own.preset)
        config = replace(config, in_channels=channels, out_channels=channels)
        return autoencoder_of(config)

    def groups(self) -> Sequence[Group]:
        """All by one norm, but a discriminator by its own.

        Else one that learns much would leave the autoencoder little of a step.
        """
        if not self.adversary:
            return super().groups()
        theirs = [*self.adversary.discriminator.parameters()]
        others = [
            parameter
            for name, part in self.network.named_children()
            if name != DISCRIMINATOR
            for parameter in part.parameters()
        ]
        return [Group(others), Group(theirs, norm="adversary_norm")]

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        return Batch.of(self.source.examples(indices), positions)

    def loss(self, batch: Batch) -> Loss:
        assert batch.pictures is not None
        own, samples = self.own, int(batch.positions[0])
        device = self.settings.loop.device
        pictures = batch.pictures.to(device)
        weights = None if batch.weights is None else batch.weights.to(device)
        made = self.autoencoder.reconstruct(
            pictures, partial(normal, self.settings.seed, batch.positions, "posterior")
        )
        error = reconstruction_loss(made.pictures, pictures, weights, own.scales, own.norm)
        found = {own.norm: error.mean()}
        likeness = found[own.norm]
        if self.perceptual:
            name, distance = self.perceptual
            found[name] = distance(made.pictures, pictures).mean()
            likeness = likeness + own.perceptual_weight * found[name]
        quantised = made.indices is not None
        cost, weight = ("codebook", own.codebook_weight) if quantised else ("kl", own.kl_weight)
        found[cost] = made.cost.mean()
        total = likeness if own.decoder_only else likeness + weight * found[cost]
        if self.adversary:
            last = self.autoencoder.decoder.conv_out.weight
            lost, metrics = self.adversary.losses(likeness, made.pictures, pictures, last, samples)
            total, found = total + lost, found | metrics
        if self.codebook:
            assert isinstance(self.autoencoder, VQAutoencoder)
            assert made.indices is not None
            found |= self.codebook.update(
                self.autoencoder.quantize,
                made.latents,
                made.indices,
                self.settings.seed,
                samples,
            )
        return Loss(total, found)

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        pictures = self._pictures(range(min(PREVIEW_PICTURES, len(self.source))))
        pairs = torch.stack(
            [pictures, self.autoencoder.decode(self.autoencoder.encode(pictures).mean)], 1
        )
        return contact_sheet(to_images(pairs.flatten(0, 1)), columns=6)

    def export(self, folder: Path) -> None:
        """Write the ``vae`` folder, the latents' measured mean and scale folded into the network.

        Where the decoder trained alone, they are what they were.
        """
        if not self.own.decoder_only:
            self._fold()
        save_component(self.autoencoder, folder / "vae")

    def _fold(self) -> None:
        some = spread(len(self.source), MEASURED_PICTURES)
        with torch.inference_mode():
            means = torch.cat(
                [
                    self.autoencoder.encode(self._pictures(some[k : k + 32])).mean.float().cpu()
                    for k in range(0, len(some), 32)
                ]
            )
        std = means.std(dim=(0, 2, 3))
        if not (std > 0).all():
            raise UserError(
                "autoencoder: a channel of the latents is the same for all pictures, so its scale "
                "can't be measured; train on more, and more varied, pictures"
            )
        fold_latents(self.autoencoder, means.mean(dim=(0, 2, 3)), std)
        folded: Any = replace(self.autoencoder.config, scaling_factor=1.0, shift_factor=None)
        self.autoencoder.config = folded

    def _pictures(self, indices: Sequence[int]) -> Tensor:
        examples = self.source.examples(indices)
        return torch.stack([e.picture for e in examples]).to(self.settings.loop.device)


def _check_idle(own: AutoencoderSettings, autoencoder: nn.Module) -> None:
    """UserError for a setting that nothing in this run would use."""
    kl, codebook = ("kl_weight",), ("codebook", "codebook_weight")
    if isinstance(autoencoder, VQAutoencoder):
        idle = dict.fromkeys(kl, "this autoencoder has a codebook")
    else:
        idle = dict.fromkeys(codebook, "this autoencoder has no codebook")
    if own.decoder_only:
        idle |= dict.fromkeys(kl + codebook, "the decoder trains alone")
    if own.perceptual_weight and not (own.features or own.vgg):
        idle["perceptual_weight"] = "without features, or vgg and lpips, it has no network"
    for name, why in idle.items():
        if getattr(own, name) != AutoencoderSettings.model_fields[name].default:
            raise UserError(f"autoencoder.{name}: {why}; leave it out")


def _check_size(own: AutoencoderSettings, size: int) -> None:
    """UserError unless pictures of this side can be halved as often as the losses need."""
    if size >> (own.scales - 1) == 0:
        raise UserError(
            f"autoencoder.scales = {own.scales}: data.size = {size} can be "
            f"halved for {size.bit_length()} scales at most"
        )
    if own.adversarial_weight and size < MIN_SIZE:
        raise UserError(
            f"data.size = {size}: the discriminator of autoencoder.adversarial_weight looks at "
            f"patches; it needs {MIN_SIZE} at least"
        )
