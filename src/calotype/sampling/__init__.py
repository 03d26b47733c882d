"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import (
    Guidance,
    Term,
    classifier_free,
    guided,
    share_a_call,
    thresholded,
)
from calotype.sampling.samplers import SAMPLERS, BoundSampler, make_path, sampler
from calotype.sampling.sigmas import SPACINGS, SigmaPath
from calotype.sampling.step import At, Denoise, NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "At",
    "BoundSampler",
    "Denoise",
    "Guidance",
    "NoiseSource",
    "SigmaPath",
    "Step",
    "Term",
    "classifier_free",
    "guided",
    "make_path",
    "sampler",
    "share_a_call",
    "thresholded",
]
