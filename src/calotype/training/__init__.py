"""Training: one loop, many tasks."""

from calotype.training.loop import TrainProgress, fit
from calotype.training.run import train
from calotype.training.settings import TrainSettings

__all__ = ["TrainProgress", "TrainSettings", "fit", "train"]
