"""From a denoiser and noise to a clean latent: paths, samplers, guidance."""

from calotype.sampling.guidance import Parts, by_step, classifier_free, thresholded, within
from calotype.sampling.samplers import SAMPLERS, Sampler, path, sampler
from calotype.sampling.sigmas import SPACINGS, Convention, Path
from calotype.sampling.step import Denoise, NoiseSource, Step

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "Convention",
    "Denoise",
    "NoiseSource",
    "Parts",
    "Path",
    "Sampler",
    "Step",
    "by_step",
    "classifier_free",
    "path",
    "sampler",
    "thresholded",
    "within",
]
