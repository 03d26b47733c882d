"""A whole model, tiny and untrained, in a folder."""

from pathlib import Path

import pytest
import torch

from calotype.autoencoder import Autoencoder
from calotype.checkpoints import save
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.unet import UNet


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model for pictures of 32 x 32 that knows the words "a red cube on wood"."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    text = text_config("tiny")
    tokenizer = Tokenizer.train(["a red cube on wood"], 514, text.max_position_embeddings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LatentDiffusion(
            unet=UNet(unet_config("tiny")),
            autoencoder=Autoencoder(autoencoder_config("tiny")),
            conditioner=Conditioner(
                [TextEmbedder(tokenizer, CLIPTextEncoder(text.for_vocabulary(tokenizer)))]
            ),
            scheduler=SchedulerConfig(prediction_type="v_prediction"),
        )
        # As a training starts, the last layer is zero: no word would reach the picture.
        for weight in (weight for weight in model.unet.parameters() if weight.ndim > 1):
            torch.nn.init.xavier_normal_(weight)
    save(model, folder)
    return folder
