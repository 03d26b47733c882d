"""A model trained in the latents of a codebook, from the training to pictures."""

from pathlib import Path

import torch
from runs import diffusion_run

import calotype
from calotype.autoencoder import VQAutoencoder, VQConfig
from calotype.checkpoints import save_component
from calotype.presets import autoencoder_config
from calotype.training import train


def test_a_diffusion_model_learns_the_latents_of_a_codebook(folder: Path, tmp_path: Path) -> None:
    like = autoencoder_config("tiny")
    config = VQConfig(
        block_out_channels=like.block_out_channels,
        norm_num_groups=like.norm_num_groups,
        latent_channels=6,
        vq_embed_dim=4,
        num_vq_embeddings=20,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_component(VQAutoencoder(config), tmp_path / "vq")
    settings = diffusion_run(folder, tmp_path / "run", 2, tmp_path / "vq")
    list(train(settings))
    model = calotype.load(tmp_path / "run/model")
    assert model.autoencoder.config == config
    request = calotype.Request(prompt="a red flag", sampling=calotype.Sampling(steps=2))
    (picture,) = calotype.run(model, request)
    assert picture.image.size == (32, 32)
