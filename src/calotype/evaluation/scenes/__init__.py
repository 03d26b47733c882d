"""The evaluation by the built-in world: a network, the reader, says what pictures show."""

from calotype.evaluation.scenes.evaluate import evaluate_scenes
from calotype.evaluation.scenes.judge import Judged, load_reader
from calotype.evaluation.scenes.prompts import KINDS, ScenePrompt, scene_prompts
from calotype.evaluation.scenes.report import RENDERING_SEED, ScenesReport

__all__ = [
    "KINDS",
    "RENDERING_SEED",
    "Judged",
    "ScenePrompt",
    "ScenesReport",
    "evaluate_scenes",
    "load_reader",
    "scene_prompts",
]
