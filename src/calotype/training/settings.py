"""The settings of a training run: every key that a recipe may hold, with its meaning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from calotype.autoencoder import Adversarial, Norm
from calotype.diffusion.loss import Weighting
from calotype.generate.request import Prompt
from calotype.names import Prediction
from calotype.scenes import Split
from calotype.settings import Settings
from calotype.training.precision import Precision

Objects = Annotated[int, Field(ge=1, le=3)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class DataSettings(Settings):
    source: str = Field(
        default="scenes", description='"scenes" or a folder of pictures with .txt captions'
    )
    channels: int = Field(
        default=3,
        ge=1,
        description="channels of a folder's pictures: 3 colour, 1 grey, others in .npy arrays",
    )
    count: int = Field(default=10_000, ge=1, description="scenes: how many different ones")
    size: int = Field(default=128, ge=8, le=2048, description="side of the square pictures, pixels")
    objects: tuple[Objects, Objects] = Field(
        default=(1, 2), description="scenes: fewest and most objects"
    )
    seed: int = Field(default=1, ge=0, lt=2**64, description="scenes: seed of the collection")
    split: Split = Field(
        default="train",
        description="scenes: train has no held-out pair of colour and shape, held_out one, all any",
    )
    object_weight: float = Field(
        default=4.0,
        ge=1,
        le=15,
        description="scenes: loss weight of an object's pixels; the ground has 1",
    )
    plain_captions: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="scenes: share of captions in one fixed wording, the others in many",
    )
    cache: Path | None = Field(
        default=None,
        description="folder where pictures and latents are kept once computed; "
        "none: latents in the run's own folder, pictures in no file",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="processes that assemble batches ahead"
    )

    @model_validator(mode="after")
    def _fewest_first(self) -> Self:
        if self.objects[0] > self.objects[1]:
            raise ValueError(f"objects = {list(self.objects)}: the smaller number comes first")
        return self


class OptimizerSettings(Settings):
    rate: float = Field(default=1e-3, gt=0, description="peak learning rate of AdamW")
    betas: tuple[Decay, Decay] = Field(
        default=(0.9, 0.99), description="decay of AdamW's two moments"
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="decoupled weight decay, matrices only"
    )
    warmup: int = Field(
        default=2_000, ge=0, description="samples over which the rate rises from zero"
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="course of the rate from its peak to floor * rate at the end"
    )
    floor: float = Field(
        default=0.02, ge=0, le=1, description="share of the rate that is left at the end"
    )
    clip: float = Field(default=1.0, gt=0, description="largest norm of the whole gradient")


class LoopSettings(Settings):
    samples: int = Field(ge=1, description="samples to see in the whole run")
    batch_size: int = Field(default=16, ge=1, description="samples an optimiser step")
    ema_halflife: int = Field(
        default=5_000,
        ge=0,
        description="samples after which a weight counts half in the average; 0: no average",
    )
    precision: Precision = Field(
        default="fp32",
        description="arithmetic of the networks; auto: bf16 (autocast) where it is fast, else fp32",
    )
    device: str = Field(
        default="cpu",
        description="where the networks train: cpu, cuda, cuda:1, mps",
    )
    save_every: int = Field(default=10_000, ge=1, description="samples between checkpoints")
    preview_every: int = Field(
        default=10_000, ge=1, description="samples between grids of pictures on disk"
    )
    keep: int = Field(default=2, ge=1, description="newest checkpoints that are kept")

    @field_validator("device")
    @classmethod
    def _is_device(cls, name: str) -> str:
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
            raise ValueError("must be cpu, cuda, cuda:1 (or another number) or mps")
        return name


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
    codebook: Literal["gradient", "average"] = Field(
        default="gradient",
        description="how its vectors move: by that loss, or as running means of their latents",
    )
    norm: Norm = Field(default="l1", description="l1: absolute, l2: squared error of the pixels")
    scales: int = Field(default=4, ge=1, le=8, description="resolutions at which it is taken")
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
    def _decodes_what_is_there(self) -> Self:
        if self.decoder_only and self.start is None:
            raise ValueError("decoder_only = true: the latents of which? Name autoencoder.start")
        return self

    @model_validator(mode="after")
    def _compares_by_one_network(self) -> Self:
        if (self.vgg is None) != (self.lpips is None):
            given, other = ("vgg", "lpips") if self.vgg else ("lpips", "vgg")
            raise ValueError(f"{given}: goes with {other}, the other of two files; name both")
        if self.vgg and self.features:
            raise ValueError("features and vgg: a perceptual loss has one network; name one")
        return self

    @model_validator(mode="after")
    def _learns_before_it_is_heard(self) -> Self:
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
    weighting: Weighting = Field(
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
    def _words_are_known(self) -> Self:
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


class TrainSettings(Settings):
    """A training run."""

    task: Literal["autoencoder", "text", "diffusion", "reader", "features"] = Field(
        description="what is trained"
    )
    out: Path = Field(description="folder of the run: checkpoints, journal, pictures, model")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="seed of weights, order and every draw"
    )
    data: DataSettings = Field(default=DataSettings(), description="the pictures")
    loop: LoopSettings = Field(description="how long, how often")
    optimizer: OptimizerSettings = Field(
        default=OptimizerSettings(), description="how a step is taken"
    )
    autoencoder: AutoencoderSettings | None = Field(
        default=None, description="for task autoencoder"
    )
    text: TextSettings | None = Field(default=None, description="for task text")
    diffusion: DiffusionSettings | None = Field(default=None, description="for task diffusion")

    @model_validator(mode="after")
    def _only_of_scenes_it_is_known(self) -> Self:
        weight = self.diffusion.supervision_weight if self.diffusion else 0
        if weight and self.data.source != "scenes":
            raise ValueError(
                f"diffusion.supervision_weight = {weight:g}: only of scenes is it known what is "
                f'in them, and data.source = "{self.data.source}"'
            )
        return self

    @model_validator(mode="after")
    def _last_level_tells_something(self) -> Self:
        own = self.diffusion
        if own and own.zero_terminal_snr and own.prediction == "epsilon":
            raise ValueError(
                'diffusion.zero_terminal_snr = true with diffusion.prediction = "epsilon": of '
                'noise alone it tells nothing; use "v_prediction" or "sample"'
            )
        return self
