"""verify on tiny models of every kind of UNet that the published families have, in float64."""

from pathlib import Path

import diffusers
import pytest
import torch
from reference import redraw
from tiny_pipeline import FAMILIES, pipeline

from calotype.checkpoints.detect_prediction import with_prediction_type
from calotype.checkpoints.load import read_parts
from calotype.evaluation.verify import verify

# Inputs of the UNet beside the text, as the published families have them.
UNETS = {
    "text": {},
    "inpainting: mask and masked latent": {"in_channels": 9},
    "depth": {"in_channels": 5},
    "upscaler: small picture, its noise as a class": {"in_channels": 7, "num_class_embeds": 21},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", UNETS)
def test_all_components_are_equal_in_float64(family: str, kind: str, tmp_path: Path) -> None:
    made = pipeline(family, tmp_path)
    config = {**made.unet.config, **UNETS[kind]}
    made.unet = redraw(diffusers.UNet2DConditionModel.from_config(config), 4)
    made.save_pretrained(tmp_path / "model")
    rows = list(verify(with_prediction_type(read_parts(tmp_path / "model")), torch.float64))
    assert [row.part for row in rows] == [
        "tokenizer",
        "text encoder",
        "UNet, t = 999",
        "UNet, t = 500",
        "UNet, t = 1",
        "VAE encode",
        "VAE decode",
        "10 steps of DDIM",
        "the picture",
    ]
    assert all(row.within for row in rows), rows
    assert all(row.relative <= 1e-9 for row in rows[:7]), rows
