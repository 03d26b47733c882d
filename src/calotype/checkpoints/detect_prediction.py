"""The prediction type of a UNet: given, known from its files, or detected by a trial."""

from __future__ import annotations

from dataclasses import replace

import torch

from calotype.checkpoints.component import build
from calotype.checkpoints.parts import Parts
from calotype.condition import Condition
from calotype.diffusion import Prediction
from calotype.unet import UNet

CONSTANT = 0.5
NOISIEST = 999
V_BELOW, EPSILON_WITHIN = -1.0, 0.3
"""Bounds on the mean of output less input: near 0 with epsilon, far below with v."""


def with_prediction_type(parts: Parts, prediction: Prediction | None = None) -> Parts:
    """The parts with the UNet's prediction type: ``prediction``, or the files', or a trial's."""
    rule = "as given"
    if prediction is None:
        if not parts.probe:
            return parts
        prediction, rule = detect_prediction(build(parts.unet))
    if prediction == "v_prediction" and parts.unet_of_v:
        parts = parts.with_component(replace(parts.unet, config=parts.unet_of_v))
    scheduler = replace(parts.scheduler, prediction_type=prediction)
    return replace(parts, scheduler=scheduler, rule=rule, probe=False)


@torch.inference_mode()
def detect_prediction(unet: UNet) -> tuple[Prediction, str]:
    """The prediction type, and in words the rule that found it.

    The UNet is given a constant latent (1, in_channels, 8, 8) at the noisiest timestep, as in
    AUTOMATIC1111's web UI: a latent is nothing but noise there, so a network that predicts the
    noise returns its input. Where the output is neither, epsilon is assumed, as the rule notes.
    """
    weight = unet.conv_in.weight
    x = torch.full((1, unet.config.in_channels, 8, 8), CONSTANT).to(weight)
    width = unet.config.per_level(unet.config.cross_attention_dim)[0]
    context = torch.full((1, 2, width), CONSTANT).to(weight)
    output = unet(x, torch.tensor([float(NOISIEST)]).to(x.device), Condition(context=context))
    difference = (output.float() - CONSTANT).mean().item()
    rule = f"a trial at t = {NOISIEST}: output less input is {difference:.2f}"
    if difference < V_BELOW:
        return "v_prediction", rule
    if abs(difference) <= EPSILON_WITHIN:
        return "epsilon", rule
    return "epsilon", f"{rule}, which fits neither epsilon nor v_prediction; give prediction"
