"""What journeys set out with: a tiny untrained model, a few pictures, a tiny autoencoder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from runs import autoencoder_run

from calotype.autoencoder import Autoencoder, Lpips
from calotype.checkpoints import save
from calotype.checkpoints.files import write_safetensors
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.training import train
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


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small captioned pictures of flat colours."""
    path = tmp_path_factory.mktemp("pictures")
    colours = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (40, 60, 200)}
    for number, (name, rgb) in enumerate([*colours.items()] * 2):
        pixels = np.full((40, 32, 3), rgb, np.uint8)
        pixels[number * 4 : number * 4 + 8] = 255
        Image.fromarray(pixels).save(path / f"{number}.png")
        (path / f"{number}.txt").write_text(f"a {name} flag with a white bar, number {number}")
    return path


@pytest.fixture(scope="session")
def autoencoder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny autoencoder after a few steps: enough to be the frozen half of a diffusion run."""
    settings = autoencoder_run(folder, tmp_path_factory.mktemp("autoencoder") / "run", 6)
    list(train(settings))
    return settings.out / "model" / "vae"


@pytest.fixture(scope="session")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The settings that name LPIPS' two files, of random weights under their published names."""
    path = tmp_path_factory.mktemp("lpips")
    files = {"vgg": path / "vgg16.safetensors", "lpips": path / "vgg.safetensors"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Lpips()
    convolutions = network.features.state_dict()
    write_safetensors(files["vgg"], {f"features.{n}": t for n, t in convolutions.items()})
    heads = {n.replace(".", ".model.1."): t.abs() for n, t in network.heads.state_dict().items()}
    write_safetensors(files["lpips"], {f"lin{n}": t for n, t in heads.items()})
    return files
