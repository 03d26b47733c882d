"""How a diffusion training begins: settings -> the model before its first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from calotype.autoencoder import FirstStage, Pixels, PixelsConfig
from calotype.checkpoints import load, load_autoencoder, load_text
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError
from calotype.model import LatentDiffusion
from calotype.names import Prediction
from calotype.presets import text_config, unet_config
from calotype.settings import IDENTITY, Settings
from calotype.source import Source
from calotype.training.run_settings import RunSettings
from calotype.training.sources import require_channels
from calotype.training.vocabulary import kept_text, kept_tokenizer, learned_tokenizer
from calotype.unet import UNet, UNetConfig


class BeginningSettings(Settings):
    """The networks that a diffusion training begins with, new ones or trained ones."""

    preset: Annotated[str, IDENTITY] = Field(
        default="scenes",
        description="named networks, UNet and text encoder; calotype presets lists them",
    )
    start: Annotated[Path | None, IDENTITY] = Field(
        default=None,
        description='trained model that the run goes on from: "scenes" or a folder; its networks '
        "and words replace the preset's; none: from nothing",
    )
    autoencoder: Annotated[Path, IDENTITY] = Field(
        description='trained autoencoder: its vae folder, or that of the model "scenes"; "pixels": '
        "none, the diffusion takes place in the pictures themselves"
    )
    prediction: Annotated[Prediction, IDENTITY] = Field(
        default="v_prediction", description="what the network learns to predict"
    )
    text: Annotated[Path | None, IDENTITY] = Field(
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
    zero_terminal_snr: Annotated[bool, IDENTITY] = Field(
        default=False,
        description="the last timestep is noise alone, so that layout comes from words (Lin et al. "
        "2023); the model's folder says so, and that sampling begins there",
    )
    caption_dropout: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of captions left out, for classifier-free guidance",
    )
    vocabulary: Annotated[int, IDENTITY] = Field(
        default=768, ge=515, description="largest number of tokens, learned from captions"
    )


def first_stage(own: BeginningSettings, settings: RunSettings) -> FirstStage:
    """The frozen autoencoder of the settings, on the run's device; "pixels" has no weights."""
    data = settings.data
    if str(own.autoencoder) == "pixels":
        return Pixels(PixelsConfig(data.channels, data.size))
    found = load_autoencoder(own.autoencoder, settings.loop.device, torch.float32)
    require_channels(found, data.channels, "diffusion.autoencoder")
    return found.eval().requires_grad_(False)


def begin(
    own: BeginningSettings, settings: RunSettings, stage: FirstStage, source: Source
) -> LatentDiffusion:
    """The model before the first step, on the run's device: new, by the seed, or a trained one.

    stage: the frozen autoencoder. source: its captions give a new model its words. UserError for
    networks that don't fit each other, or that need more than a recipe gives.
    """
    make = _trained if own.start else _fresh
    unet, text, scheduler = make(own, settings, stage, source)
    text.dropout = own.caption_dropout
    if own.zero_terminal_snr:
        scheduler = replace(scheduler, rescale_betas_zero_snr=True, timestep_spacing="trailing")
    if unet.config.in_channels != stage.config.diffused_channels:
        raise UserError(
            f"diffusion.autoencoder: it makes {stage.config.diffused_channels} channels, "
            f"but the UNet takes {unet.config.in_channels}"
        )
    device = settings.loop.device
    return LatentDiffusion(
        unet=unet.to(device),
        autoencoder=stage,
        conditioner=Conditioner([text]).to(device),
        scheduler=scheduler,
    )


def _fresh(
    own: BeginningSettings, settings: RunSettings, stage: FirstStage, source: Source
) -> tuple[UNet, TextEmbedder, SchedulerConfig]:
    """The preset's UNet, for these latents, and text encoder; a vocabulary of the captions."""
    text, published = text_config(own.preset), unet_config(own.preset)
    config = replace(
        published,
        sample_size=settings.data.size // stage.factor,
        in_channels=stage.config.diffused_channels,
        out_channels=stage.config.diffused_channels,
    )
    _require_no_class(config)
    if published.in_channels != published.out_channels:
        raise UserError(
            f'diffusion.preset = "{own.preset}": its UNet takes more than the noised latents, '
            "which no recipe has to give"
        )
    longest = text.max_position_embeddings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        unet = UNet(config)
        embedder = _text(
            own,
            settings,
            unet,
            lambda: learned_tokenizer(source, own.vocabulary, longest),
            lambda tokenizer: CLIPTextEncoder(text.for_vocabulary(tokenizer)),
        )
    return unet, embedder, SchedulerConfig(prediction_type=own.prediction)


def _trained(
    own: BeginningSettings, settings: RunSettings, stage: FirstStage, source: Source
) -> tuple[UNet, TextEmbedder, SchedulerConfig]:
    """The UNet, text encoder and schedule of the model that the run goes on from."""
    assert own.start is not None
    model = load(own.start, dtype=torch.float32)
    if model.scheduler.prediction_type != own.prediction:
        raise UserError(
            f'diffusion.prediction = "{own.prediction}": the model in diffusion.start was '
            f'trained with "{model.scheduler.prediction_type}"'
        )
    _require_no_class(model.unet.config)
    side = settings.data.size // stage.factor
    model.unet.config = replace(model.unet.config, sample_size=side)
    words, encoder = model.text.tokenizer, model.text.encoder
    text = _text(own, settings, model.unet, lambda: words, lambda _: encoder)
    return model.unet, text, model.scheduler


def _require_no_class(config: UNetConfig) -> None:
    if config.class_embed_type or config.num_class_embeds:
        raise UserError("diffusion: this UNet takes a class, which no recipe has to give")


def _text(
    own: BeginningSettings,
    settings: RunSettings,
    unet: UNet,
    words: Callable[[], Tokenizer],
    encoder: Callable[[Tokenizer], CLIPTextEncoder],
) -> TextEmbedder:
    """The text encoder of ``diffusion.text``, or else this one, with the run's tokenizer."""

    def first() -> TextEmbedder:
        if not own.text:
            tokenizer = kept_tokenizer(settings.out, words)
            return TextEmbedder(tokenizer, encoder(tokenizer))
        text = load_text(own.text, torch.float32)
        width, read = text.encoder.config.hidden_size, unet.config.cross_attention_dim
        if set(unet.config.per_level(read)) != {width}:
            message = f"a token is {width} wide, but the UNet reads {read}"
            raise UserError(f"diffusion.text: {message}")
        return TextEmbedder(kept_tokenizer(settings.out, lambda: text.tokenizer), text.encoder)

    return first() if own.text_rate else kept_text(settings.out, first)
