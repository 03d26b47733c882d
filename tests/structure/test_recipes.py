"""Every recipe in the repository is one that `calotype train` accepts."""

from pathlib import Path

import pytest

from calotype.checkpoints import load_autoencoder
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.settings import read_settings
from calotype.training import TrainSettings

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_accepted(recipe: Path):
    settings = read_settings(TrainSettings, recipe)
    if settings.task == "autoencoder":
        assert settings.autoencoder
        own = settings.autoencoder
        factor = load_autoencoder(own.start).factor if own.start else None
        factor = factor or autoencoder_config(own.preset).factor
        assert settings.data.size % factor == 0
    elif settings.task == "diffusion":
        assert settings.diffusion
        width = text_config(settings.diffusion.preset).hidden_size
        assert unet_config(settings.diffusion.preset).cross_attention_dim == width
