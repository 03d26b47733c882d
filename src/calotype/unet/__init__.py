"""Noisy latent + Condition -> output: the conditional UNet of latent diffusion."""

from calotype.unet.config import UNetConfig
from calotype.unet.plan import AttentionSpec, BlockSpec, Plan, ResnetSpec, plan, plan_table
from calotype.unet.unet import Encoded, UNet

__all__ = [
    "AttentionSpec",
    "BlockSpec",
    "Encoded",
    "Plan",
    "ResnetSpec",
    "UNet",
    "UNetConfig",
    "plan",
    "plan_table",
]
