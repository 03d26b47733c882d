"""The prompts of the evaluation on scenes: always the same, each with the scene it describes."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.names import PromptKind
from calotype.scenes import Scene, SceneSource, describe

KINDS: dict[PromptKind, str] = {
    "single": "one object: shape, colour, size, ground",
    "pair": "two objects and their relation",
    "held_out": "one object of a colour and shape never combined in training",
}
PROMPT_SEED = 20_000  # scenes that no recipe of the project trains on


@dataclass(frozen=True)
class ScenePrompt:
    """A prompt, and the scene whose ground, objects and order it states."""

    prompt: str
    scene: Scene


def scene_prompts(kind: PromptKind, count: int) -> list[ScenePrompt]:
    """The first ``count`` prompts of a kind."""
    number = 2 if kind == "pair" else 1
    split = "held_out" if kind == "held_out" else "train"
    source = SceneSource(PROMPT_SEED, count, objects=(number, number), split=split)
    scenes = [source.scene(index) for index in range(count)]
    return [ScenePrompt(describe(scene, material=False), scene) for scene in scenes]
