"""Parses captions with its own tables into statements; unknown words are errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from calotype.scenes import Scene, SceneObject

SHAPE = {
    "sphere": "sphere", "ball": "sphere", "cube": "cube", "box": "cube", "block": "cube",
    "cylinder": "cylinder", "drum": "cylinder", "cone": "cone",
}  # fmt: skip
COLOUR = {
    "red": "red", "green": "green", "blue": "blue", "yellow": "yellow", "purple": "purple",
    "violet": "purple", "cyan": "cyan", "turquoise": "cyan", "white": "white", "black": "black",
}  # fmt: skip
SIZE = {
    "small": "small", "little": "small", "tiny": "small",
    "large": "large", "big": "large", "huge": "large",
}  # fmt: skip
MATERIAL = {
    "matte": "matte", "dull": "matte", "rubber": "matte",
    "metal": "metal", "metallic": "metal", "shiny": "metal",
}  # fmt: skip
GROUND = {
    "wooden": "wood", "planks": "wood", "wood": "wood", "checkered": "checker", "tiles": "checker",
    "tiled": "checker", "chessboard": "checker", "sand": "sand", "sandy": "sand", "beach": "sand",
    "grass": "grass", "lawn": "grass", "meadow": "grass", "stone": "stone", "slabs": "stone",
}  # fmt: skip
GROUND_FILLER = {"on", "a", "the", "floor", "ground", "grey"}
RELATIONS = {
    "to the left of": "left", "left of": "left", "on the left of": "left",
    "on the left side of": "left",
    "to the right of": "right", "right of": "right", "on the right of": "right",
    "on the right side of": "right",
    "in front of": "front", "nearer than": "front", "closer than": "front",
    "behind": "behind", "further away than": "behind", "farther back than": "behind",
}  # fmt: skip
PLACES = {
    "on the left": "left", "at the left": "left", "to the left": "left",
    "on the right": "right", "at the right": "right", "to the right": "right",
    "in front": "front", "in the foreground": "front", "at the front": "front",
    "behind": "behind", "in the background": "behind", "at the back": "behind",
}  # fmt: skip
FILLER = set(
    re.findall(
        r"\w+",
        "there is a picture of photo an image view here we see this shows scene with standing "
        "lying resting and next to beside two three objects things solids on",
    )
)
VERB = r"(?:is|lies|stands|sits|rests)"
OPPOSITE = {"left": "right", "right": "left", "front": "behind", "behind": "front"}


class Untrue(Exception):
    """The caption states what the scene isn't, or what can't be read."""


@dataclass
class Statements:
    """The statements of a caption: objects by number, and (object, word, object)."""

    named: list[int] = field(default_factory=list)
    orders: list[tuple[int, str, int]] = field(default_factory=list)
    grounds: set[str] = field(default_factory=set)
    attributes: int = 0


def either(table) -> str:
    return "|".join(sorted((re.escape(word) for word in table), key=len, reverse=True))


NOUN = re.compile(
    rf"\b(?P<article>the |a )?(?:(?P<size>{either(SIZE)}) )?"
    rf"(?:(?P<before>matte|dull|metallic|shiny) )?(?P<colour>{either(COLOUR)}) "
    rf"(?:(?P<after>rubber|metal) )?(?P<shape>{either(SHAPE)}|one)\b"
    rf"|\b(?P<bare>the )?(?P<only>{either(SHAPE)})\b"
)


def read(caption: str, scene: Scene) -> Statements:
    """What the caption states of the scene's objects, by the attributes it names them with."""
    statements = Statements()
    text = NOUN.sub(
        lambda match: _resolve(match, scene, statements), caption.replace("grey stone", "stone")
    )
    text = _orders(text, statements)
    text = _places(text, statements, len(scene.objects))
    for word in re.findall(r"[a-z]+", re.sub(r"<\d>", "", text)):
        if word in GROUND:
            statements.grounds.add(GROUND[word])
        elif word not in FILLER and word not in GROUND_FILLER:
            raise Untrue(f"{word!r} in {caption!r} was not understood")
    return statements


def _resolve(match: re.Match[str], scene: Scene, statements: Statements) -> str:
    """The number of the one object that has every attribute named."""
    names = match.groupdict()
    shape = names["shape"] or names["only"]
    wanted = {
        "size": SIZE.get(names["size"]),
        "material": MATERIAL.get(names["before"] or names["after"]),
        "colour": COLOUR.get(names["colour"]),
        "shape": SHAPE.get(shape),
    }
    stated = {key: value for key, value in wanted.items() if value}
    matching = [
        number
        for number, thing in enumerate(scene.objects)
        if all(getattr(thing, key) == value for key, value in stated.items())
    ]
    if len(matching) != 1:
        raise Untrue(f"{match[0]!r} names {len(matching)} objects")
    statements.named.append(matching[0])
    statements.attributes += len(stated)
    return f"<{matching[0]}>"


def _orders(text: str, statements: Statements) -> str:
    relation = rf"(?P<one>{either(RELATIONS)})(?: and (?P<two>{either(RELATIONS)}))?"

    def straight(match: re.Match[str]) -> str:
        _add(statements, match, int(match["a"]), int(match["b"]))
        return f"<{match['a']}> <{match['b']}>"

    inverted = rf"{relation} <(?P<b>\d)> {VERB} <(?P<a>\d)>"
    text = re.sub(inverted, straight, text)
    return re.sub(rf"<(?P<a>\d)> (?:{VERB} )?{relation} <(?P<b>\d)>", straight, text)


def _add(statements: Statements, match: re.Match[str], first: int, second: int) -> None:
    for word in (match["one"], match["two"]):
        if word:
            statements.orders.append((first, RELATIONS[word], second))


def _places(text: str, statements: Statements, count: int) -> str:
    def placed(match: re.Match[str]) -> str:
        if count != 2:
            raise Untrue(f"{match[0]!r} is relative to more than one object")
        number = int(match["a"])
        statements.orders.append((number, PLACES[match["place"]], 1 - number))
        return f"<{number}>"

    text = re.sub(rf"<(?P<a>\d)> (?:is )?(?P<place>{either(PLACES)})\b", placed, text)
    return re.sub(rf"(?P<place>{either(PLACES)}) <(?P<a>\d)>", placed, text)


def check(caption: str, scene: Scene) -> Statements:
    """The statements of a caption; raises Untrue unless all hold in the scene."""
    statements = read(caption, scene)
    if statements.grounds - {scene.ground.kind}:
        raise Untrue(f"{statements.grounds} is not {scene.ground.kind}")
    for first, word, second in statements.orders:
        if not holds(scene.objects[first], word, scene.objects[second]):
            raise Untrue(f"object {first} is not {word} of {second}")
    if set(statements.named) != set(range(len(scene.objects))):
        raise Untrue("not every object is named")
    return statements


def holds(first: SceneObject, word: str, second: SceneObject) -> bool:
    """Whether the relation holds by a clear distance on the ground itself."""
    if word in ("front", "behind"):
        return (second.y - first.y) * (1 if word == "front" else -1) > 1
    # seen from the camera, 11 units before the middle: compare directions, not places
    sight = first.x / (11.2 + first.y) - second.x / (11.2 + second.y)
    return sight * (1 if word == "right" else -1) > 0.05
