"""Reading: what a picture is seen to show, and whether that is what a scene says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from calotype.scenes.draw import DEPTH_MARGIN, SIDE_MARGIN, middle_column, relation
from calotype.scenes.scene import Scene, SceneObject

ATTRIBUTES = ("shape", "colour", "size", "material")
STATED = ("shape", "colour", "size")
"""The attributes of an object that an evaluated prompt says."""

# A relation is only ever said beyond a margin; a picture that shows half of it still shows it, and
# what a reader measures is never exact.
ENOUGH = 0.5


@dataclass(frozen=True)
class Seen:
    """An object as it is seen.

    column: of its middle, in [0, 1] of the picture. y: where it stands, in units of the ground.
    """

    shape: str
    colour: str
    size: str
    material: str
    column: float
    y: float


@dataclass(frozen=True)
class Reading:
    """The objects seen in a picture, and the ground."""

    objects: tuple[Seen, ...]
    ground: str


def truth(scene: Scene) -> Reading:
    """The reading of a scene that sees everything as it is."""
    things = tuple(
        Seen(thing.shape, thing.colour, thing.size, thing.material, middle_column(thing), thing.y)
        for thing in scene.objects
    )
    return Reading(things, scene.ground.kind)


@dataclass(frozen=True)
class Mistake:
    """What a picture shows otherwise than the scene has it.

    kind: "ground", "count", "relation" or an attribute's name.
    """

    kind: str
    seen: str
    said: str

    def __str__(self) -> str:
        return f"{self.seen} for {self.said}"


def mistakes(
    reading: Reading, scene: Scene, attributes: Sequence[str] = STATED
) -> tuple[Mistake, ...]:
    """Where a picture shows another ground, other objects (judged by these attributes) or another
    order of them than the scene; empty if it shows the scene.

    The objects are matched as the fewest mistakes allow; where their number is wrong, no further.
    """
    found: list[Mistake] = []
    if reading.ground != scene.ground.kind:
        found.append(Mistake("ground", reading.ground, scene.ground.kind))
    seen, said = len(reading.objects), len(scene.objects)
    if seen != said:
        return (*found, Mistake("count", f"{seen} objects", str(said)))
    matched = [_unlike(order, scene.objects, attributes) for order in permutations(reading.objects)]
    return (*found, *min(matched, key=len))


def shows(reading: Reading, scene: Scene, attributes: Sequence[str] = STATED) -> bool:
    """Whether a picture shows a scene: see ``mistakes``."""
    return not mistakes(reading, scene, attributes)


def _unlike(
    seen: tuple[Seen, ...], things: tuple[SceneObject, ...], attributes: Sequence[str]
) -> list[Mistake]:
    """The mistakes of objects matched one by one."""
    found = [
        Mistake(name, getattr(s, name), getattr(thing, name))
        for s, thing in zip(seen, things, strict=True)
        for name in attributes
        if getattr(s, name) != getattr(thing, name)
    ]
    pairs = combinations(range(len(things)), 2)
    return found + [
        mistake for i, j in pairs for mistake in _astray(seen[i], seen[j], things[i], things[j])
    ]


def _astray(first: Seen, second: Seen, one: SceneObject, other: SceneObject) -> list[Mistake]:
    """How the first lies to the second otherwise than the one to the other, where that is said."""
    said = relation(one, other)
    aside = (first.column - second.column) / (ENOUGH * SIDE_MARGIN)
    away = (first.y - second.y) / (ENOUGH * DEPTH_MARGIN)
    measured = ((aside, "left", "right", said.side), (away, "front", "behind", said.depth))
    found: list[Mistake] = []
    for distance, below, above, wanted in measured:
        shown = below if distance <= -1 else above if distance >= 1 else "neither"
        if wanted is not None and shown != wanted:
            found.append(Mistake("relation", shown, wanted))
    return found
