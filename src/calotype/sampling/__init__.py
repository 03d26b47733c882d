"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import classifier_free, thresholded
from calotype.sampling.samplers import SAMPLERS, path, sampler
from calotype.sampling.sigmas import SPACINGS, Path
from calotype.sampling.step import Denoise, NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "Denoise",
    "NoiseSource",
    "Path",
    "Step",
    "classifier_free",
    "path",
    "sampler",
    "thresholded",
]
