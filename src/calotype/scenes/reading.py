"""Reading: the objects and the ground recognised in a picture, compared with those of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from calotype.scenes.draw import DEPTH_MARGIN, SIDE_MARGIN, middle_column, relation
from calotype.scenes.scene import Scene, SceneObject

ATTRIBUTES = ("shape", "colour", "size", "material")
STATED = ("shape", "colour", "size")
"""The attributes of an object that a prompt of the evaluation states."""

# A caption states a relation only beyond a margin. Half of that margin is enough in a picture, as
# a reader's measurement is never exact.
ENOUGH = 0.5


@dataclass(frozen=True)
class Seen:
    """An object as the reader recognises it.

    column: of its middle, in [0, 1]. y: of its foot, in units of the ground.
    """

    shape: str
    colour: str
    size: str
    material: str
    column: float
    y: float


@dataclass(frozen=True)
class Reading:
    """The objects and the ground recognised in a picture."""

    objects: tuple[Seen, ...]
    ground: str


def truth(scene: Scene) -> Reading:
    """The correct reading of a scene."""
    things = tuple(
        Seen(thing.shape, thing.colour, thing.size, thing.material, middle_column(thing), thing.y)
        for thing in scene.objects
    )
    return Reading(things, scene.ground.kind)


@dataclass(frozen=True)
class Mistake:
    """One difference between a picture and a scene.

    kind: "ground", "count", "relation" or an attribute's name. seen: what the picture shows.
    wanted: what the scene has.
    """

    kind: str
    seen: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.seen} for {self.wanted}"


def mistakes(
    reading: Reading, scene: Scene, attributes: Sequence[str] = STATED
) -> tuple[Mistake, ...]:
    """The differences between a picture and a scene in ground, number of objects, these attributes
    and relations; empty if the picture shows the scene.

    Objects are matched one to one such that the mistakes are fewest; if their number is wrong,
    they are not compared.
    """
    found: list[Mistake] = []
    if reading.ground != scene.ground.kind:
        found.append(Mistake("ground", reading.ground, scene.ground.kind))
    seen, wanted = len(reading.objects), len(scene.objects)
    if seen != wanted:
        return (*found, Mistake("count", f"{seen} objects", str(wanted)))
    matched = [
        _differences(order, scene.objects, attributes) for order in permutations(reading.objects)
    ]
    return (*found, *min(matched, key=len))


def shows(reading: Reading, scene: Scene, attributes: Sequence[str] = STATED) -> bool:
    """Whether a picture shows a scene: whether there are no ``mistakes``."""
    return not mistakes(reading, scene, attributes)


def _differences(
    seen: tuple[Seen, ...], things: tuple[SceneObject, ...], attributes: Sequence[str]
) -> list[Mistake]:
    """The mistakes of objects that are matched one to one."""
    found = [
        Mistake(name, getattr(s, name), getattr(thing, name))
        for s, thing in zip(seen, things, strict=True)
        for name in attributes
        if getattr(s, name) != getattr(thing, name)
    ]
    pairs = combinations(range(len(things)), 2)
    return found + [
        mistake
        for i, j in pairs
        for mistake in _relation_mistakes(seen[i], seen[j], things[i], things[j])
    ]


def _relation_mistakes(
    first: Seen, second: Seen, one: SceneObject, other: SceneObject
) -> list[Mistake]:
    """The mistakes in the relation of two objects, ``one`` and ``other`` in the scene."""
    true = relation(one, other)
    aside = (first.column - second.column) / (ENOUGH * SIDE_MARGIN)
    away = (first.y - second.y) / (ENOUGH * DEPTH_MARGIN)
    measured = ((aside, "left", "right", true.side), (away, "front", "behind", true.depth))
    found: list[Mistake] = []
    for distance, below, above, wanted in measured:
        shown = below if distance <= -1 else above if distance >= 1 else "neither"
        if wanted is not None and shown != wanted:
            found.append(Mistake("relation", shown, wanted))
    return found
