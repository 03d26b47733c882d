"""verify: outputs of this library and of the reference libraries for the same weights, compared."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from calotype.autoencoder import FirstStage, VQAutoencoder
from calotype.checkpoints.component import Component, build
from calotype.checkpoints.kinds import AUTOENCODER_KL, PIXELS
from calotype.checkpoints.meta_init import on_meta
from calotype.checkpoints.parts import Parts
from calotype.condition import Condition
from calotype.conditioning import Tokenizer
from calotype.diffusion import Denoiser, Noise, SchedulerConfig
from calotype.errors import UserError
from calotype.sampling import classifier_free, guided, make_path, sampler
from calotype.unet import UNet, UNetConfig

BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""The largest relative error that passes: rounding error after the networks and ten steps.

The reference's schedule is in float32 for all types of the networks, so sampling in float64 has the
bound of float32.
"""

TIMESTEPS = (999, 500, 1)
STEPS, GUIDANCE = 10, 7.5
SPACING = "leading"  # of the timesteps; set in both libraries, whatever the folder states
SIDE = 32  # latent pixels per side at most: a network that is right at one size is right at all
SEED = 5
TEXTS = (
    "a photograph of an astronaut riding a horse",
    "",
    "  Double  spaces,\tTABS and CAPITALS!  ",
    "don't they've I'm we'll he'd 's",
    "naïve café, Ångström, ﬁne",
    "日本語のテキスト и немного кириллицы",
    "🦊🎨 emoji 👩‍🚀 and 1234567890 numbers 3.14",
    "<|startoftext|> special <|endoftext|> words",
    "a very long prompt " * 40,
)


@dataclass(frozen=True)
class Deviation:
    """The difference of one output from the reference's.

    absolute: the largest absolute difference. relative: absolute, divided by the reference's
    largest absolute value. psnr: dB, ratio of the reference's range to the root mean square of the
    differences. bound: the largest relative difference that rounding explains.
    """

    part: str
    absolute: float
    relative: float
    psnr: float
    bound: float

    @property
    def within(self) -> bool:
        """Whether rounding explains the difference; false for NaN."""
        return self.relative <= self.bound


def verify(parts: Parts, dtype: torch.dtype = torch.float32) -> Iterator[Deviation]:
    """Compare every component of a model with those of transformers and diffusers, in ``dtype``.

    Both sides compute with the same tensors. Raises UserError if the libraries are not installed.
    """
    try:
        import diffusers  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"verify compares with the reference libraries, and {error.name} is not installed: "
            'pip install "calotype[dev]"'
        ) from None
    if parts.text is None:
        raise UserError("verify compares models that read text; this one has no text_encoder")
    return _verify(parts, dtype)


def _in_type(parts: Parts, dtype: torch.dtype) -> Parts:
    """The parts with their tensors converted to the type of computation, shared by both sides."""

    def placed(component: Component, dtype: torch.dtype) -> Component:
        tensors = {name: tensor.to(dtype) for name, tensor in component.tensors.items()}
        return replace(component, tensors=tensors)

    types = {AUTOENCODER_KL.folder: _of_autoencoder(parts, dtype)}
    components = {
        name: placed(component, types.get(name, dtype))
        for name, component in parts.components.items()
    }
    return replace(parts, components=components)


def _of_autoencoder(parts: Parts, dtype: torch.dtype) -> torch.dtype:
    """The autoencoder's type of computation: float32 where float16 overflows, as in ``load``."""
    upcast = dtype == torch.float16 and parts.autoencoder.config.force_upcast
    return torch.float32 if upcast else dtype


@dataclass(frozen=True)
class Autoencoders:
    """An autoencoder of this library, and diffusers' with the same weights."""

    ours: FirstStage
    theirs: Any
    dtype: torch.dtype

    @staticmethod
    def of(component: Component, dtype: torch.dtype) -> Autoencoders | None:
        """Both autoencoders; None for ``Pixels``, which compute nothing."""
        if component.kind is PIXELS:
            return None
        ours = cast(FirstStage, build(component, dtype=dtype))
        return Autoencoders(ours, _their_autoencoder(component), dtype)

    def coded(self, draw: Callable[..., Tensor], side: int, bound: float) -> Iterator[Deviation]:
        """Compare the latents of a random picture, and the picture decoded from them."""
        pixels = side * self.ours.factor
        pictures = draw(1, self.ours.config.in_channels, pixels, pixels).clamp(-1, 1)
        pictures = pictures.to(self.dtype)
        encoded = self.theirs.encode(pictures)
        mean = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mean
        yield _deviation("VAE encode", self.ours.encode(pictures).mean, mean, bound)
        yield _deviation(
            "VAE decode", self.ours.decode(mean), self.theirs.decode(mean).sample, bound
        )

    def picture(self, sampled: Tensor, expected: Tensor, bound: float) -> Deviation:
        """Compare the pictures decoded from the scaled latents that each side sampled."""
        config = self.ours.config
        ours, theirs = (
            (each / config.scaling_factor + (config.shift_factor or 0.0)).to(self.dtype)
            for each in (sampled, expected)
        )
        if isinstance(self.ours, VQAutoencoder):
            # The nearest vector may depend on the last bit: compare without quantisation.
            found = self.ours.decode_quantized(ours)
            wanted = self.theirs.decode(theirs, force_not_quantize=True).sample
        else:
            found, wanted = self.ours.decode(ours), self.theirs.decode(theirs).sample
        return _deviation("the picture", found.clamp(-1, 1), wanted.clamp(-1, 1), bound)


@torch.inference_mode()
def _verify(parts: Parts, dtype: torch.dtype) -> Iterator[Deviation]:
    parts = _in_type(parts, dtype)
    generator = torch.Generator().manual_seed(SEED)

    bound, sampling_bound = BOUNDS[dtype], max(BOUNDS[dtype], BOUNDS[torch.float32])

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    assert parts.text
    assert parts.tokenizer
    ids, their_ids = _ids(parts.tokenizer)
    yield _deviation("tokenizer", ids.double(), their_ids.double(), 0.0)

    text = build(parts.text, dtype=dtype)
    context = _their_text(parts.text)(their_ids[:2]).last_hidden_state
    yield _deviation("text encoder", text(their_ids[:2]), context, bound)

    unet, their_unet = build(parts.unet, dtype=dtype), _their_unet(parts.unet)
    latents = parts.autoencoder.config.diffused_channels
    side = min(SIDE, _side(parts.unet.config))
    x = draw(2, parts.unet.config.in_channels, side, side)
    vector = _vector(parts.unet.config, draw)
    for level in TIMESTEPS:
        t = torch.full((2,), float(level), dtype=dtype)
        expected = their_unet(x, t, context, class_labels=vector).sample
        ours = unet(x, t, Condition(context=context, vector=vector))
        yield _deviation(f"UNet, t = {level}", ours, expected, bound)

    stage = Autoencoders.of(parts.autoencoder, _of_autoencoder(parts, dtype))
    if stage:
        yield from stage.coded(draw, side, bound)

    noise, concat = draw(1, latents, side, side), x[:1, latents:]
    ours = _our_sample(parts.scheduler, unet, noise, context, concat, vector)
    expected = _their_sample(parts.scheduler, their_unet, noise, context, concat, vector)
    yield _deviation(f"{STEPS} steps of DDIM", ours, expected, sampling_bound)
    if stage:
        yield stage.picture(ours, expected, sampling_bound)


def _deviation(part: str, ours: Tensor, reference: Tensor, bound: float) -> Deviation:
    differences = (ours.double() - reference.double()).abs()
    largest = differences.max().item()
    span = (reference.max() - reference.min()).double().item() or 1.0
    rms = differences.square().mean().sqrt().item()
    psnr = math.inf if rms == 0 else -math.inf
    if 0 < rms < math.inf:
        psnr = 20 * math.log10(span / rms)
    relative = largest / (reference.abs().max().item() or 1.0)
    return Deviation(part, largest, relative, psnr, bound)


def _ids(tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder))
        theirs = CLIPTokenizer.from_pretrained(folder)
    length = tokenizer.max_length
    encoded = theirs(
        list(TEXTS), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    return tokenizer.encode(TEXTS), encoded.input_ids


def _their_text(component: Component) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    network = CLIPTextModel(CLIPTextConfig(**component.config.to_json()))
    # Version 5 of transformers removed the prefix "text_model.".
    bare = not any(name.startswith("text_model.") for name in network.state_dict())
    named = {n.removeprefix("text_model.") if bare else n: t for n, t in component.tensors.items()}
    return _filled(network, named)


def _their_unet(component: Component) -> Any:
    with on_meta():
        network = import_module("diffusers").UNet2DConditionModel.from_config(
            component.config.to_json()
        )
    return _filled(network, component.tensors)


def _their_autoencoder(component: Component) -> Any:
    with on_meta():
        kind = getattr(import_module("diffusers"), component.kind.published_class(component.config))
        network = kind.from_config(component.config.to_json())
    return _filled(network, component.tensors)


def _filled(network: Any, tensors: Mapping[str, Tensor]) -> Any:
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval()


def _vector(config: UNetConfig, draw: Callable[..., Tensor]) -> Tensor | None:
    """Two rows of input for the class embedding of a UNet; None for a UNet without one."""
    if config.class_embed_type == "projection":
        return draw(2, config.projection_class_embeddings_input_dim)
    if config.class_embed_type == "timestep" or config.num_class_embeds:
        return torch.full((2,), min(20, (config.num_class_embeds or 21) - 1))
    return None


def _side(config: UNetConfig) -> int:
    side = config.sample_size or SIDE
    return side if isinstance(side, int) else min(side)


def _our_sample(
    config: SchedulerConfig,
    unet: UNet,
    noise: Tensor,
    context: Tensor,
    concat: Tensor,
    vector: Tensor | None,
) -> Tensor:
    """Latents after ten steps; the first row of ``context`` is the prompt, the second negative."""
    path = make_path(config, "ddim", SPACING, STEPS)

    def condition(row: int) -> Condition:
        given = concat if concat.shape[1] else None
        label = None if vector is None else vector[:1]
        return Condition(context=context[row : row + 1], concat=given, vector=label)

    denoiser = Denoiser(unet, path.schedule, config.prediction_type, noise.dtype)
    guidance = classifier_free(condition(0), condition(1), GUIDANCE)
    walk = sampler("ddim").bind()(
        lambda x, at: guided(denoiser, guidance, x, at.sigma),
        noise * path.start,
        path.sigmas,
        noise=Noise([SEED], noise.shape[1:]),
    )
    *_, last = walk
    return last.x * path.final_alpha


def _their_sample(
    config: SchedulerConfig,
    unet: Any,
    noise: Tensor,
    context: Tensor,
    concat: Tensor,
    vector: Tensor | None,
) -> Tensor:
    """The reference's latents after ten steps, with the same inputs."""
    settings = config.to_json() | {"timestep_spacing": SPACING}
    scheduler = import_module("diffusers").DDIMScheduler.from_config(settings)
    scheduler.set_timesteps(STEPS)
    x = noise * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        given = torch.cat([torch.cat([x, concat], 1)] * 2)
        wanted, not_wanted = unet(given, t, context, class_labels=vector).sample.chunk(2)
        guided = not_wanted + GUIDANCE * (wanted - not_wanted)
        x = scheduler.step(guided, t, x).prev_sample
    return x
