"""What can be trained: one file a task, which holds its settings, and one alternative here.

The settings of a task have its name as ``kind`` and a method ``make(settings, report) -> Task``.
"""

from calotype.training.tasks.autoencoder import AutoencoderSettings
from calotype.training.tasks.scenes.features import FeaturesSettings
from calotype.training.tasks.scenes.maps import MapsSettings
from calotype.training.tasks.scenes.reader import ReaderSettings
from calotype.training.tasks.scenes.supervised_diffusion import SupervisedDiffusionSettings
from calotype.training.tasks.scenes.text import TextSettings

TaskSettings = (
    AutoencoderSettings
    | TextSettings
    | SupervisedDiffusionSettings
    | FeaturesSettings
    | MapsSettings
    | ReaderSettings
)
