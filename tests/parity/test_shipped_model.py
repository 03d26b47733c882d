"""The model in the package: within its bounds, and the same pictures in diffusers."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

import calotype
from calotype.checkpoints import find
from calotype.diffusion import Noise

PROMPTS = ("a small red cube to the left of a large blue sphere", "a large yellow cone on grass")


@pytest.fixture(scope="module")
def model():
    return calotype.load("scenes")


def test_it_is_small(model):
    files = [path for path in find("scenes").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    assert sum(parameter.numel() for parameter in model.unet.parameters()) <= 15e6


def test_it_knows_its_words(model):
    tokenizer = model.text.tokenizer
    assert tokenizer.unknown_words(" ".join(PROMPTS)) == ()
    assert tokenizer.unknown_words("a lighthouse on grass") == ("lighthouse",)


def test_latents_need_no_scale(model):
    """Mean and scale are folded into the autoencoder, so that other programs need one number."""
    config = model.autoencoder.config
    assert (config.scaling_factor, config.shift_factor) == (1.0, None)


def test_diffusers_makes_the_same_pictures(model):
    """The folder as it stands in StableDiffusionPipeline, the first noise injected."""
    sampling = calotype.Sampling(sampler="ddim", steps=4, guidance_scale=3, seed=5)
    request = calotype.Request(prompt=PROMPTS, sampling=sampling)
    ours = [picture.image for picture in calotype.run(model, request)]

    pipeline = StableDiffusionPipeline.from_pretrained(find("scenes"), torch_dtype=torch.float32)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        list(PROMPTS),
        num_inference_steps=4,
        guidance_scale=3,
        latents=Noise([5, 6], (4, 16, 16)).start(),
    ).images
    for mine, other in zip(ours, theirs, strict=True):
        difference = np.abs(np.asarray(mine, int) - np.asarray(other, int))
        # Networks equal to 1e-5 in fp32, four guided steps, and a rounding to bytes on each side.
        assert difference.max() <= 1
