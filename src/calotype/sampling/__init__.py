"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import classifier_free, thresholded
from calotype.sampling.samplers import SAMPLERS, make_path, sampler
from calotype.sampling.sigmas import SPACINGS, SigmaPath
from calotype.sampling.step import Denoise, NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "Denoise",
    "NoiseSource",
    "SigmaPath",
    "Step",
    "classifier_free",
    "make_path",
    "sampler",
    "thresholded",
]
