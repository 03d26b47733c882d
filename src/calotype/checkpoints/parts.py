"""Parts: a model as its files hold it, before any network is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from calotype.autoencoder import FirstStage
from calotype.checkpoints.component import Component
from calotype.checkpoints.kinds import AUTOENCODER_KL, CLIP_TEXT, UNET
from calotype.conditioning import CLIPTextEncoder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.errors import UserError
from calotype.unet import UNet, UNetConfig


@dataclass(frozen=True)
class Parts:
    """A model as its files hold it, and how it was recognised.

    components: its networks by the names of their published folders: "unet" and "vae" always,
        "text_encoder" and others where the model has them.
    scheduler: the noise that the UNet was trained with.
    tokenizer: what the text encoder reads with; None without a text encoder.
    low_res_scheduler, max_noise_level: of an upscaler, the noise that is added to its small input
        picture, and the highest timestep at which it is added.
    name, family: what the model is called, and which known model it is like, in words.
    rule: how the prediction type was found. probe: it is still to be found by a trial of the UNet,
        see ``detect_prediction``.
    unet_of_v: the UNet's config if it turns out to predict v; None: the one it has.
    dropped: what is in the files but is not part of the model -> the reason.
    """

    components: Mapping[str, Component[Any]]
    scheduler: SchedulerConfig
    name: str = ""
    family: str = ""
    rule: str = ""
    tokenizer: Tokenizer | None = None
    low_res_scheduler: SchedulerConfig | None = None
    max_noise_level: int | None = None
    probe: bool = False
    unet_of_v: UNetConfig | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def unet(self) -> Component[UNet]:
        """The UNet."""
        return self.components[UNET.folder]

    @property
    def autoencoder(self) -> Component[FirstStage]:
        """The autoencoder."""
        return self.components[AUTOENCODER_KL.folder]

    @property
    def text(self) -> Component[CLIPTextEncoder] | None:
        """The text encoder; None for a model that reads no text."""
        return self.components.get(CLIP_TEXT.folder)

    def with_component(self, component: Component[Any]) -> Parts:
        """The parts with this network in the place of the one of its folder."""
        return replace(self, components={**self.components, component.kind.folder: component})


def require_match(parts: Parts, path: Path) -> None:
    """Raise UserError, beginning with ``path``, if the networks cannot work with each other."""
    unet, autoencoder = parts.unet.config, parts.autoencoder.config
    if parts.text is None or parts.tokenizer is None:
        if unet.reads_context:
            raise UserError(
                f"{path}: unet reads a context (cross_attention_dim = "
                f"{unet.cross_attention_dim}), but there is no text_encoder and tokenizer"
            )
    else:
        _require_text_match(unet, parts.text.config, parts.tokenizer, path)
    if unet.out_channels != autoencoder.diffused_channels:
        raise UserError(
            f"{path}: unet: out_channels = {unet.out_channels}, but the latents of the autoencoder "
            f"in {parts.autoencoder.path} have {autoencoder.diffused_channels} channels"
        )


def _require_text_match(unet: UNetConfig, text: Any, tokenizer: Tokenizer, path: Path) -> None:
    for found, what, wanted, other in (
        (len(tokenizer), "tokenizer: tokens", text.vocab_size, "vocab_size"),
        (
            tokenizer.max_length,
            "model_max_length",
            text.max_position_embeddings,
            "max_position_embeddings",
        ),
    ):
        if found > wanted:
            raise UserError(f"{path}: {what} = {found}, but text_encoder: {other} = {wanted}")
    if not unet.reads_context:
        raise UserError(f"{path}: unet reads no context, but there is a text_encoder")
    if set(unet.per_level(unet.cross_attention_dim)) != {text.hidden_size}:
        raise UserError(
            f"{path}: unet: cross_attention_dim = {unet.cross_attention_dim}, "
            f"but text_encoder: hidden_size = {text.hidden_size}"
        )


def left_out(dropped: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(reason, names) of what was dropped, one pair a reason: the name, or how many there are."""
    reasons: dict[str, list[str]] = {}
    for name, why in dropped.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield why, names[0] if len(names) == 1 else f"{len(names)}, such as {names[0]}"
