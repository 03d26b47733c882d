"""Captions of scenes: true statements in plain English, in many wordings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from calotype.scenes import words
from calotype.scenes.draw import Draws, relation
from calotype.scenes.scene import Scene, SceneObject

CAPTION = 2  # purpose of the draws

# Probabilities that a caption states an attribute.
SIZE_CHANCE, MATERIAL_CHANCE, GROUND_CHANCE, ARTICLE_CHANCE = 0.75, 0.6, 0.75, 0.88
TAGS_CHANCE = 0.12  # that a caption is a list of tags
RELATION_CHANCE = 0.85  # that a caption of several objects states the relation of two of them

Pair = tuple[SceneObject, SceneObject]
Phrases = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Clause:
    """Words, and whether they are a noun phrase, which may follow "a picture of"."""

    text: str
    nominal: bool = True


def caption(scene: Scene, seed: int, variant: int = 0) -> str:
    """A caption of the scene, a pure function of scene, seed and variant.

    It always states shape and colour of every object, and often size, material, ground and order.
    """
    draws = Draws(seed, variant, CAPTION)
    ground = draws.chance(GROUND_CHANCE)
    if draws.chance(TAGS_CHANCE):
        return _tags(draws, scene, ground)
    if len(scene.objects) == 1:
        return _single(draws, scene, ground)
    if not draws.chance(RELATION_CHANCE):
        return _opened(draws, scene, _listed(draws, scene), ground)
    pair = draws.choice(_related(scene))
    if len(scene.objects) == 2 and draws.chance(0.7):
        build = draws.choice((_beside, _beside, _inverted, _both_placed))
        return _opened(draws, scene, build(draws, pair), ground)
    text = _opened(draws, scene, _listed(draws, scene), ground)
    return text + draws.choice(("; ", ", and ", ", ")) + _order(draws, scene, pair)


def describe(scene: Scene, material: bool = True) -> str:
    """The canonical caption: every attribute and relation, always in the same words.

    material: False leaves the materials out.
    """
    nouns = [_full(thing, material) for thing in scene.objects]
    ground = words.GROUND_PHRASES[scene.ground.kind][0]
    if len(nouns) == 1:
        return f"{nouns[0]} {ground}"
    if len(nouns) == 2:
        return f"{nouns[0]} {_canonical(scene.objects[0], scene.objects[1])} {nouns[1]} {ground}"
    orders = [
        f"the {a.colour} {a.shape} is {_canonical(a, b)} the {b.colour} {b.shape}"
        for i, a in enumerate(scene.objects)
        for b in scene.objects[i + 1 :]
    ]
    return f"{nouns[0]}, {nouns[1]} and {nouns[2]} {ground}; " + "; ".join(orders)


def _full(thing: SceneObject, material: bool) -> str:
    """ "a small red metal ball", "a small matte red ball" or "a small red ball"."""
    parts = [thing.size, thing.colour, thing.shape]
    if material:
        parts.insert(2 if thing.material in words.AFTER_COLOUR else 1, thing.material)
    return "a " + " ".join(parts)


def _canonical(first: SceneObject, second: SceneObject) -> str:
    position = relation(first, second)
    side = words.SIDE_PHRASES[position.side][0] if position.side else None
    depth = words.DEPTH_PHRASES[position.depth][0] if position.depth else None
    if side and depth:
        return f"{'in front of' if position.depth == 'front' else 'behind'} and {side}"
    return side or depth or "beside"


def _noun(draws: Draws, thing: SceneObject, article: bool = True) -> str:
    """ "a small shiny red ball"; size and material are stated by chance."""
    parts = [draws.choice(words.COLOUR_WORDS[thing.colour])]
    if draws.chance(MATERIAL_CHANCE):
        material = draws.choice(words.MATERIAL_WORDS[thing.material])
        parts.insert(1 if material in words.AFTER_COLOUR else 0, material)
    if draws.chance(SIZE_CHANCE):
        parts.insert(0, draws.choice(words.SIZE_WORDS[thing.size]))
    parts.append(draws.choice(words.SHAPE_WORDS[thing.shape]))
    if article and draws.chance(ARTICLE_CHANCE):
        parts.insert(0, "a")
    return " ".join(parts)


def _short(draws: Draws, scene: Scene, thing: SceneObject) -> str:
    """ "the ball", "the red one" or "the red ball": a name that fits one object only."""
    others = [other for other in scene.objects if other is not thing]
    shape = draws.choice(words.SHAPE_WORDS[thing.shape])
    colour = draws.choice(words.COLOUR_WORDS[thing.colour])
    names = [f"the {colour} {shape}"]
    if all(other.shape != thing.shape for other in others):
        names.append(f"the {shape}")
    if all(other.colour != thing.colour for other in others):
        names.append(f"the {colour} one")
    return draws.choice(names)


def _single(draws: Draws, scene: Scene, ground: bool) -> str:
    noun = _noun(draws, scene.objects[0])
    if ground and draws.chance(0.15):
        posture = draws.choice(("standing", "lying", "resting"))
        place = draws.choice(words.GROUND_PHRASES[scene.ground.kind])
        return f"{_opening(draws)}{noun} {posture} {place}"
    return _opened(draws, scene, _Clause(noun), ground)


def _listed(draws: Draws, scene: Scene) -> _Clause:
    """All objects, in any order."""
    things = draws.choice(list(permutations(scene.objects)))
    nouns = [_noun(draws, thing) for thing in things]
    joints = [" and ", " and ", ", "]
    if len(things) == 2:
        position = relation(things[0], things[1])
        joints += [" with "] + [" next to ", " beside "] * (position.depth is None)
    text = ", ".join(nouns[:-1]) + draws.choice(joints) + nouns[-1]
    if draws.chance(0.15):
        text = f"{draws.choice(words.COUNTS[len(nouns)])}: {', '.join(nouns)}"
    return _Clause(text)


def _related(scene: Scene) -> list[Pair]:
    """The ordered pairs of objects that have a relation."""
    pairs = permutations(scene.objects, 2)
    return [(a, b) for a, b in pairs if relation(a, b).side or relation(a, b).depth]


def _axis(draws: Draws, pair: Pair) -> tuple[str, Phrases, Phrases]:
    """A true relation of the pair, such as "left", with the phrases and places of its axis."""
    position = relation(*pair)
    axes: list[tuple[str, Phrases, Phrases]] = []
    if position.side:
        axes.append((position.side, words.SIDE_PHRASES, words.SIDE_PLACES))
    if position.depth:
        axes.append((position.depth, words.DEPTH_PHRASES, words.DEPTH_PLACES))
    return draws.choice(axes)


def _phrase(draws: Draws, pair: Pair) -> str:
    """ "to the left of", sometimes "behind and to the left of"."""
    position = relation(*pair)
    if position.side and position.depth and draws.chance(0.3):
        side = draws.choice(words.SIDE_PHRASES[position.side][:2])
        return f"{words.DEPTH_PHRASES[position.depth][0]} and {side}"
    word, phrases, _ = _axis(draws, pair)
    return draws.choice(phrases[word])


def _beside(draws: Draws, pair: Pair) -> _Clause:
    """ "a ball is left of a cube"."""
    first, second = _noun(draws, pair[0]), _noun(draws, pair[1])
    if draws.chance(0.3):
        verb = draws.choice(words.VERBS)
        return _Clause(f"{first} {verb} {_phrase(draws, pair)} {second}", nominal=False)
    return _Clause(f"{first} {_phrase(draws, pair)} {second}")


def _inverted(draws: Draws, pair: Pair) -> _Clause:
    """ "left of a cube is a ball"."""
    first, second = _noun(draws, pair[0]), _noun(draws, pair[1])
    verb = draws.choice(words.VERBS)
    return _Clause(f"{_phrase(draws, pair)} {second} {verb} {first}", nominal=False)


def _both_placed(draws: Draws, pair: Pair) -> _Clause:
    """ "a ball on the left and a cube on the right"."""
    word, _, places = _axis(draws, pair)
    first = _noun(draws, pair[0]), draws.choice(places[word])
    second = _noun(draws, pair[1]), draws.choice(places[words.OPPOSITE[word]])
    if draws.chance(0.6):
        return _Clause(f"{first[0]} {first[1]} and {second[0]} {second[1]}")
    return _Clause(f"{first[1]} {first[0]}, {second[1]} {second[0]}", nominal=False)


def _order(draws: Draws, scene: Scene, pair: Pair) -> str:
    """ "the ball is left of the cube", for objects that the caption has already named."""
    first = _short(draws, scene, pair[0])
    if len(scene.objects) == 2 and draws.chance(0.4):
        word, _, places = _axis(draws, pair)
        return f"{first} is {draws.choice(places[word])}"
    return f"{first} is {_phrase(draws, pair)} {_short(draws, scene, pair[1])}"


def _opening(draws: Draws) -> str:
    return f"{draws.choice(words.OPENINGS)} " if draws.chance(0.35) else ""


def _opened(draws: Draws, scene: Scene, clause: _Clause, ground: bool) -> str:
    """The clause, by chance after an opening, with the ground before or after it if stated."""
    place = draws.choice(words.GROUND_PHRASES[scene.ground.kind])
    if ground and draws.chance(0.22):
        there = draws.choice((", ", " there is ")) if clause.nominal else ", "
        return f"{place}{there}{clause.text}"
    opening = _opening(draws) if clause.nominal else ""
    return f"{opening}{clause.text} {place}" if ground else opening + clause.text


def _tags(draws: Draws, scene: Scene, ground: bool) -> str:
    """A list of tags: "red cube, small blue ball, wooden floor, cube on the left"."""
    things = draws.choice(list(permutations(scene.objects)))
    tags = [_noun(draws, thing, article=False) for thing in things]
    if ground:
        place = draws.choice(words.GROUND_TAGS[scene.ground.kind])
        tags.insert(draws.choice((0, len(tags), len(tags))), place)
    if len(things) == 2 and draws.chance(RELATION_CHANCE):
        pair = draws.choice(_related(scene))
        word, _, places = _axis(draws, pair)
        name = _short(draws, scene, pair[0]).removeprefix("the ")
        tags.append(f"{name} {draws.choice(places[word])}")
    return ", ".join(tags)
