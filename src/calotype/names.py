"""Names that files, recipes and options share; no torch is needed to know them."""

from typing import Literal

VERSION = "0.1.0"
"""Of this package; pyproject.toml reads it here."""

Prediction = Literal["epsilon", "v_prediction", "sample"]
"""What a UNet says; ``diffusion.prediction`` tells what it means."""

Density = Literal["uniform", "logit_normal"]
"""How often a training draws each noise level; ``training.noise_and_timesteps`` tells how."""

PromptKind = Literal["single", "pair", "held_out"]
"""Kinds of prompts of the evaluation on scenes; ``evaluation.scenes.prompts`` describes them."""

Format = Literal["png", "jpeg", "webp"]
"""What a picture's file can be."""

DtypeName = Literal["fp32", "bf16", "fp16"]
"""Numbers that networks compute in or files hold; ``cli.device`` tells which type each is."""

PromptWeighting = Literal["a1111", "comfy", "none"]
"""How weights in a prompt are applied; ``conditioning.prompt`` tells."""
