"""Files <-> modules."""

from calotype.checkpoints.component import load_component, save_component
from calotype.checkpoints.load import find, load, load_autoencoder
from calotype.checkpoints.save import save

__all__ = [
    "find",
    "load",
    "load_autoencoder",
    "load_component",
    "save",
    "save_component",
]
