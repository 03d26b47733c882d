"""The built-in world: procedural scenes with captions, maps, depth and boxes, made from seeds."""

from calotype.scenes.caption import caption, describe
from calotype.scenes.draw import Relation, draw_scene, relation
from calotype.scenes.render import SEMANTIC_CLASSES, Rendering, render
from calotype.scenes.scene import (
    COLOURS,
    GROUNDS,
    HELD_OUT,
    MATERIALS,
    SHAPES,
    SIZES,
    Ground,
    Light,
    Scene,
    SceneObject,
    Split,
)
from calotype.scenes.source import ScenesData, SceneSource

__all__ = [
    "COLOURS",
    "GROUNDS",
    "HELD_OUT",
    "MATERIALS",
    "SEMANTIC_CLASSES",
    "SHAPES",
    "SIZES",
    "Ground",
    "Light",
    "Relation",
    "Rendering",
    "Scene",
    "SceneObject",
    "SceneSource",
    "ScenesData",
    "Split",
    "caption",
    "describe",
    "draw_scene",
    "relation",
    "render",
]
