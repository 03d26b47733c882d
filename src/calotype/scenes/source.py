"""SceneSource: numbered scenes with pictures, captions and weights, all made from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor
from torch.nn.functional import max_pool2d

from calotype.example import Example, Known
from calotype.scenes.caption import caption, describe
from calotype.scenes.draw import Draws, draw_scene
from calotype.scenes.render import render
from calotype.scenes.scene import Scene, Split
from calotype.settings import IDENTITY
from calotype.source import SourceSettings

PLAIN = 3  # purpose of the draws
WORLD = 1  # increase when the pictures of a seed change: it is part of the key of caches


@dataclass(frozen=True)
class SceneSource:
    """``count`` scenes of a seed, rendered on access; scene k depends on (seed, k) only.

    size: pixels of each side. objects: smallest and largest number of objects. split: see
    ``draw_scene``. object_weight: weight of the pixels in and next to objects; ground weighs 1.
    plain: the share of captions by ``describe``, with materials in half of them; the others are by
        ``caption``. device: where to render; examples are on the CPU.
    """

    seed: int
    count: int
    size: int = 128
    objects: tuple[int, int] = (1, 2)
    split: Split = "train"
    object_weight: float = 4.0
    plain: float = 0.0
    device: str = "cpu"

    @property
    def key(self) -> str:
        """Identifies the pictures and their weights, not their captions."""
        least, most = self.objects
        return (
            f"scenes {WORLD} seed {self.seed} count {self.count} at {self.size} "
            f"objects {least}-{most} {self.split} weight {self.object_weight:g}"
        )

    @property
    def bits(self) -> int:
        """8: as many as a screen shows and a PNG file of them holds."""
        return 8

    def __len__(self) -> int:
        return self.count

    def scene(self, index: int) -> Scene:
        """The record of one scene. Raises IndexError beyond ``count``."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        return draw_scene(self.seed, index, objects=self.objects, split=self.split)

    def examples(self, indices: Sequence[int]) -> list[Example]:
        """These scenes, rendered together, with the first of their captions."""
        scenes = [self.scene(index) for index in indices]
        shown = render(scenes, self.size, device=self.device)
        weights = object_weights(shown.objects, self.object_weight)
        captions = self.captions(indices, [0] * len(scenes))
        return [
            Example(picture, {"captions": text}, weight)
            for picture, text, weight in zip(
                shown.pictures.cpu(), captions, weights.cpu(), strict=True
            )
        ]

    def known(self, indices: Sequence[int], variants: Sequence[int]) -> Known:
        return {"captions": self.captions(indices, variants)}

    def captions(self, indices: Sequence[int], variants: Sequence[int]) -> list[str]:
        """A caption of each scene; other variants word it otherwise."""
        # 2^32 captions for each scene before the next one's begin
        return [
            self._caption(self.scene(index), (index << 32) + variant)
            for index, variant in zip(indices, variants, strict=True)
        ]

    def _caption(self, scene: Scene, variant: int) -> str:
        draws = Draws(self.seed, variant, PLAIN)
        if self.plain and draws.chance(self.plain):
            return describe(scene, material=draws.chance(0.5))
        return caption(scene, self.seed, variant)


Objects = Annotated[int, Field(ge=1, le=3)]


class ScenesData(SourceSettings):
    """The built-in world as the source of a training."""

    source: Annotated[Literal["scenes"], IDENTITY] = Field(
        default="scenes",
        description="where the pictures are from; a path means the pictures in that folder",
    )
    count: Annotated[int, IDENTITY] = Field(
        default=10_000, ge=1, description="how many different scenes"
    )
    objects: Annotated[tuple[Objects, Objects], IDENTITY] = Field(
        default=(1, 2), description="fewest and most objects"
    )
    seed: Annotated[int, IDENTITY] = Field(
        default=1, ge=0, lt=2**64, description="seed of the collection"
    )
    split: Annotated[Split, IDENTITY] = Field(
        default="train",
        description="train: no held-out pair of colour and shape; held_out: one; all: any",
    )
    object_weight: float = Field(
        default=4.0, ge=1, le=15, description="loss weight of an object's pixels; the ground has 1"
    )
    plain_captions: Annotated[float, IDENTITY] = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of captions in one fixed wording, the others in many",
    )

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: int) -> int:
        if channels != 3:
            raise ValueError("scenes have 3; others need a folder of pictures")
        return channels

    @model_validator(mode="after")
    def _check_objects(self) -> Self:
        if self.objects[0] > self.objects[1]:
            raise ValueError(f"objects = {list(self.objects)}: the smaller number comes first")
        return self

    def open(self) -> SceneSource:
        return SceneSource(
            seed=self.seed,
            count=self.count,
            size=self.size,
            objects=self.objects,
            split=self.split,
            object_weight=self.object_weight,
            plain=self.plain_captions,
        )


def object_weights(objects: Tensor, weight: float) -> Tensor:
    """(B, H, W) object map -> weights: ``weight`` in objects and just around them, else 1."""
    reach = max(1, round(objects.shape[-1] * 0.015))
    inside = (objects > 0).to(torch.float32)[:, None]
    near = max_pool2d(inside, 2 * reach + 1, stride=1, padding=reach)[:, 0]
    return 1 + (weight - 1) * near
