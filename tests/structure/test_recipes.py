"""Every recipe in the repository is one that `calotype train` accepts."""

from pathlib import Path

import pytest

from calotype.checkpoints import load_autoencoder
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.settings import read_settings
from calotype.training import TrainSettings
from calotype.training.tasks.autoencoder import AutoencoderSettings
from calotype.training.tasks.diffusion import DiffusionSettings

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_accepted(recipe: Path):
    settings = read_settings(TrainSettings, recipe)
    own = settings.task
    if isinstance(own, AutoencoderSettings):
        factor = load_autoencoder(own.start).factor if own.start else None
        factor = factor or autoencoder_config(own.preset).factor
        assert settings.data.size % factor == 0
    elif isinstance(own, DiffusionSettings):
        width = text_config(own.preset).hidden_size
        assert unet_config(own.preset).cross_attention_dim == width
