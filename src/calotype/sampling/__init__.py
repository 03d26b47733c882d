"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import by_step, classifier_free, thresholded, within
from calotype.sampling.samplers import SAMPLERS, path, sampler
from calotype.sampling.sigmas import SPACINGS, Path
from calotype.sampling.step import NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "NoiseSource",
    "Path",
    "Step",
    "by_step",
    "classifier_free",
    "path",
    "sampler",
    "thresholded",
    "within",
]
