"""Words and classes -> Condition."""

from calotype.conditioning.clip import CLIPTextConfig, CLIPTextEncoder
from calotype.conditioning.conditioner import Conditioner
from calotype.conditioning.embedders import ClassEmbedder, Embedder, TextEmbedder
from calotype.conditioning.prompt import Prompts
from calotype.conditioning.tokenizer import Tokenizer
from calotype.conditioning.vocabulary import Vocabulary

__all__ = [
    "CLIPTextConfig",
    "CLIPTextEncoder",
    "ClassEmbedder",
    "Conditioner",
    "Embedder",
    "Prompts",
    "TextEmbedder",
    "Tokenizer",
    "Vocabulary",
]
