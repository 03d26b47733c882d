"""Training: one loop, many tasks."""

from calotype.training.loop import Progress, fit
from calotype.training.run import train
from calotype.training.settings import TrainSettings

__all__ = ["Progress", "TrainSettings", "fit", "train"]
