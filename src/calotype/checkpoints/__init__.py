"""Files <-> modules."""

from calotype.checkpoints.component import load_component, save_component
from calotype.checkpoints.load import load, load_autoencoder
from calotype.checkpoints.locate import find
from calotype.checkpoints.save import save
from calotype.checkpoints.text_encoder_files import load_text, save_text

__all__ = [
    "find",
    "load",
    "load_autoencoder",
    "load_component",
    "load_text",
    "save",
    "save_component",
    "save_text",
]
