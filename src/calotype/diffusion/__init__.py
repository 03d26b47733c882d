"""The mathematics of noise: how noisy, what the network means, and where the noise comes from."""

from calotype.diffusion.config import SchedulerConfig
from calotype.diffusion.denoiser import Denoiser, Network
from calotype.diffusion.loss import WEIGHTINGS, LossWeighting, training_loss
from calotype.diffusion.noise import Noise, integers, normal, uniform
from calotype.diffusion.prediction import PREDICTIONS, Prediction, denoised, scalings, target
from calotype.diffusion.schedule import Schedule

__all__ = [
    "PREDICTIONS",
    "WEIGHTINGS",
    "Denoiser",
    "LossWeighting",
    "Network",
    "Noise",
    "Prediction",
    "Schedule",
    "SchedulerConfig",
    "denoised",
    "integers",
    "normal",
    "scalings",
    "target",
    "training_loss",
    "uniform",
]
