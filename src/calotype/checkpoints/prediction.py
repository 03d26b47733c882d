"""What a UNet whose file doesn't say it has learned to predict, by a trial."""

from __future__ import annotations

import torch

from calotype.condition import Condition
from calotype.diffusion import Prediction
from calotype.unet import UNet

CONSTANT = 0.5
NOISIEST = 999
V_BELOW, EPSILON_WITHIN = -1.0, 0.3
"""Where the mean of output less input lies: in a network of noise near 0, in one of v far below."""


@torch.inference_mode()
def tried_prediction(unet: UNet) -> tuple[Prediction, str]:
    """The prediction type, and the rule that found it, with a note where the trial left it open.

    The UNet is shown a constant latent at the noisiest timestep, as A1111's web UI does: there a
    latent is nothing but noise, so a network that predicts noise gives it back.
    """
    weight = unet.conv_in.weight
    x = torch.full((1, unet.config.in_channels, 8, 8), CONSTANT).to(weight)
    width = unet.config.per_level(unet.config.cross_attention_dim)[0]
    words = torch.full((1, 2, width), CONSTANT).to(weight)
    output = unet(x, torch.tensor([float(NOISIEST)]).to(x.device), Condition(context=words))
    apart = (output.float() - CONSTANT).mean().item()
    rule = f"a trial at t = {NOISIEST}: output less input is {apart:.2f}"
    if apart < V_BELOW:
        return "v_prediction", rule
    if abs(apart) <= EPSILON_WITHIN:
        return "epsilon", rule
    return "epsilon", f"{rule}, which says neither; --prediction chooses"
