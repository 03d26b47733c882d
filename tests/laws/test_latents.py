"""Raw and scaled latents: the one place where the scale is applied applies it rightly."""

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.autoencoder import Autoencoder
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.unet import UNet

torch.manual_seed(0)
TOKENIZER = Tokenizer.train(["a red cube"], 600, 8)
MODEL = LatentDiffusion(
    UNet(unet_config("tiny")),
    Autoencoder(autoencoder_config("tiny")),
    Conditioner(
        [TextEmbedder(TOKENIZER, CLIPTextEncoder(text_config("tiny").for_vocabulary(TOKENIZER)))]
    ),
    SchedulerConfig(prediction_type="v_prediction"),
)


@given(st.floats(0.01, 10), st.one_of(st.none(), st.floats(-3, 3)))
@torch.inference_mode()
def test_scaled_latents(factor: float, shift: float | None) -> None:
    autoencoder = MODEL.autoencoder
    autoencoder.config = replace(autoencoder.config, scaling_factor=factor, shift_factor=shift)
    pictures = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    raw = autoencoder.encode(pictures)
    latents = MODEL.encode(pictures)
    torch.testing.assert_close(latents, (raw.mean - (shift or 0)) * factor)
    torch.testing.assert_close(MODEL.unscale(MODEL.scale(raw.mean)), raw.mean)
    noise = torch.ones_like(latents)
    spread = raw.std * factor
    torch.testing.assert_close(
        MODEL.encode(pictures, noise) - latents, spread, rtol=1e-4, atol=1e-5
    )
    # The inverse of a scale loses a few bits, and the decoder makes them larger.
    torch.testing.assert_close(
        MODEL.decode(latents), autoencoder.decode(raw.mean).clamp(-1, 1), rtol=1e-3, atol=1e-4
    )


@torch.inference_mode()
def test_the_denoiser_is_the_network_with_its_schedule() -> None:
    """At t with v-prediction: x0 = alpha x_t - sigma v."""
    condition = MODEL.conditioner({"captions": ["a red cube"]})
    denoiser = MODEL.denoiser()
    level = denoiser.schedule.sigmas[500]
    alpha = (1 + level**2).rsqrt().float()
    x = torch.linspace(-2, 2, 256).view(1, 4, 8, 8)
    v = MODEL.unet(x * alpha, torch.tensor([500.0]), condition)
    x0 = alpha * (alpha * x) - level.float() * alpha * v
    torch.testing.assert_close(denoiser(x, level, condition), x0, rtol=1e-4, atol=1e-5)


def test_half_precision_spares_the_autoencoder() -> None:
    """float16 overflows in autoencoders with ``force_upcast``."""
    MODEL.to(dtype=torch.float16)
    assert MODEL.dtype == torch.float16
    assert MODEL.text.encoder.text_model.final_layer_norm.weight.dtype == torch.float16
    assert MODEL.autoencoder.encoder.conv_in.weight.dtype == torch.float32
    assert MODEL.decode(torch.zeros(1, 4, 2, 2, dtype=torch.float16)).dtype == torch.float32
    MODEL.to(dtype=torch.float32)
    assert MODEL.device.type == "cpu"
