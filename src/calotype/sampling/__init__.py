"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import (
    Guidance,
    Term,
    classifier_free,
    guided,
    share_a_call,
    thresholded,
)
from calotype.sampling.samplers import SAMPLERS, Walk, make_path, sampler
from calotype.sampling.sigmas import SPACINGS, SigmaPath
from calotype.sampling.step import At, Denoise, NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "At",
    "Denoise",
    "Guidance",
    "NoiseSource",
    "SigmaPath",
    "Step",
    "Term",
    "Walk",
    "classifier_free",
    "guided",
    "make_path",
    "sampler",
    "share_a_call",
    "thresholded",
]
