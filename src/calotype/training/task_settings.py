"""The settings of each task: the tables of a recipe that say what is trained, and by what."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from calotype.autoencoder import Adversarial, Norm
from calotype.diffusion.loss import LossWeighting
from calotype.generate.request import Prompt
from calotype.names import Density, Prediction
from calotype.settings import Settings


class AutoencoderSettings(Settings):
    preset: str = Field(default="scenes", description="named network; calotype presets lists them")
    start: Path | None = Field(
        default=None,
        description="trained autoencoder that the run goes on from: a folder, a file, or that of "
        'the model "scenes"; it replaces the preset\'s; none: from nothing',
    )
    decoder_only: bool = Field(
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
        description="of an autoencoder with a codebook: weight of the loss that draws its vectors "
        "and the latents near each other, a mean too",
    )
    codebook: Literal["gradient", "ema"] = Field(
        default="gradient",
        description="how the vectors move: by the gradient of that loss, or as running means (ema) "
        "of the latents that they stand for",
    )
    norm: Norm = Field(default="l1", description="l1: absolute, l2: squared error of the pixels")
    scales: int = Field(default=4, ge=1, le=8, description="at how many resolutions it is taken")
    features: Path | None = Field(
        default=None,
        description='feature network of the perceptual loss: "scenes", or a file made by task '
        "features; none: without",
    )
    vgg: Path | None = Field(
        default=None,
        description="instead of features, with lpips: the file of torchvision's VGG16",
    )
    lpips: Path | None = Field(
        default=None, description="with vgg: the file of the lpips package's linear heads for it"
    )
    perceptual_weight: float = Field(
        default=0.1, ge=0, description="weight of the perceptual loss; 0, or no network: without"
    )
    adversarial_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the patch-adversarial loss, times what makes it pull like the "
        "others; 0: without, and no discriminator",
    )
    adversarial_loss: Adversarial = Field(
        default="hinge", description="of the discriminator: hinge, or vanilla, its cross entropy"
    )
    discriminator_start: int = Field(
        default=0, ge=0, description="samples after which the discriminator begins to learn"
    )
    adversarial_start: int = Field(
        default=8_000, ge=0, description="samples after which the autoencoder begins to hear it"
    )
    adversarial_ramp: int = Field(
        default=8_000, ge=0, description="samples over which it is heard ever more, to the whole"
    )

    @model_validator(mode="after")
    def _check_decoder_only(self) -> Self:
        if self.decoder_only and self.start is None:
            raise ValueError("decoder_only = true: the latents of which? Name autoencoder.start")
        return self

    @model_validator(mode="after")
    def _check_perceptual(self) -> Self:
        if (self.vgg is None) != (self.lpips is None):
            given, other = ("vgg", "lpips") if self.vgg else ("lpips", "vgg")
            raise ValueError(f"{given}: goes with {other}, the other of two files; name both")
        if self.vgg and self.features:
            raise ValueError("features and vgg: a perceptual loss has one network; name one")
        return self

    @model_validator(mode="after")
    def _check_adversarial_start(self) -> Self:
        if self.adversarial_weight and self.adversarial_start < self.discriminator_start:
            raise ValueError(
                f"adversarial_start = {self.adversarial_start}: must not come before "
                f"discriminator_start = {self.discriminator_start}"
            )
        return self


class DiffusionSettings(Settings):
    preset: str = Field(
        default="scenes",
        description="named networks, UNet and text encoder; calotype presets lists them",
    )
    start: Path | None = Field(
        default=None,
        description='trained model that the run goes on from: "scenes" or a folder; its networks '
        "and words replace the preset's; none: from nothing",
    )
    autoencoder: Path = Field(
        description='trained autoencoder: its vae folder, or that of the model "scenes"; "pixels": '
        "none, the diffusion takes place in the pictures themselves"
    )
    prediction: Prediction = Field(
        default="v_prediction", description="what the network learns to say"
    )
    weighting: LossWeighting = Field(
        default="uniform", description="weight of the noise levels in the loss"
    )
    offset_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="deviation of a noise that is the same all over a channel, added to the other: "
        "teaches very dark and very bright pictures; 0: none",
    )
    timestep_shift: float = Field(
        default=1.0,
        gt=0,
        le=100,
        description="above 1: more samples at high noise, where words decide; 1: evenly",
    )
    timestep_density: Density = Field(
        default="uniform",
        description="how often noise levels are drawn before the shift: logit_normal, seldom near "
        "no noise and noise alone (Esser et al. 2024)",
    )
    text: Path | None = Field(
        default=None,
        description="trained text encoder with its tokenizer, as task text makes them: a folder "
        'that holds both, or the model "scenes"; none: those of start, or else new ones',
    )
    text_rate: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="learning rate of the text encoder, as a part of the UNet's; 0: frozen",
    )
    zero_terminal_snr: bool = Field(
        default=False,
        description="the last timestep is noise alone, so that layout comes from words (Lin et al. "
        "2023); the model's folder says so, and that walks begin there",
    )
    weights_until: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the run over which the pixels' weights count, fading to 1; 0: never",
    )
    supervision_weight: float = Field(
        default=0.0,
        ge=0,
        description="scenes: weight of what a head on the UNet's features says of the objects and "
        "their places, which teaches it to use the words; 0: without",
    )
    caption_dropout: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of captions left out, for classifier-free guidance",
    )
    vocabulary: int = Field(
        default=768, ge=515, description="largest number of tokens, learned from captions"
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


class TextSettings(Settings):
    preset: str = Field(
        default="scenes", description="named text encoder; calotype presets lists them"
    )
    start: Path | None = Field(
        default=None,
        description='text encoder and words that the run goes on from: the model "scenes", or a '
        "folder; none: from nothing",
    )
    vocabulary: int = Field(
        default=768, ge=515, description="largest number of tokens, learned from captions"
    )
    preview_prompts: tuple[Prompt, ...] = Field(
        default=(), description="captions of the preview grid; none: the first of the scenes"
    )
