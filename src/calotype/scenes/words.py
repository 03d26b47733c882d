"""The vocabulary of captions: under two hundred words."""

SHAPE_WORDS = {
    "sphere": ("sphere", "ball"),
    "cube": ("cube", "box", "block"),
    "cylinder": ("cylinder", "drum"),
    "cone": ("cone",),
}
COLOUR_WORDS = {
    "red": ("red",),
    "green": ("green",),
    "blue": ("blue",),
    "yellow": ("yellow",),
    "purple": ("purple", "violet"),
    "cyan": ("cyan", "turquoise"),
    "white": ("white",),
    "black": ("black",),
}
SIZE_WORDS = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
MATERIAL_WORDS = {"matte": ("matte", "dull", "rubber"), "metal": ("metal", "metallic", "shiny")}
AFTER_COLOUR = frozenset({"metal", "rubber"})
"""Material words that are placed between colour and shape; the others precede the colour."""

GROUND_PHRASES = {
    "wood": ("on a wooden floor", "on wooden planks", "on wood", "on a wood floor"),
    "checker": (
        "on a checkered floor",
        "on checkered tiles",
        "on a tiled floor",
        "on a chessboard floor",
    ),
    "sand": ("on sand", "on the sand", "on sandy ground", "on a beach"),
    "grass": ("on grass", "on the grass", "on a lawn", "on a meadow"),
    "stone": ("on stone", "on a stone floor", "on stone slabs", "on grey stone"),
}
GROUND_TAGS = {
    "wood": ("wooden floor", "wood", "wooden planks"),
    "checker": ("checkered floor", "checkered tiles", "tiled floor"),
    "sand": ("sand", "sandy ground", "beach"),
    "grass": ("grass", "lawn", "meadow"),
    "stone": ("stone floor", "stone", "stone slabs"),
}

SIDE_PHRASES = {
    "left": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right": ("to the right of", "right of", "on the right of", "on the right side of"),
}
DEPTH_PHRASES = {
    "front": ("in front of", "nearer than", "closer than"),
    "behind": ("behind", "further away than", "farther back than"),
}
SIDE_PLACES = {
    "left": ("on the left", "at the left", "to the left"),
    "right": ("on the right", "at the right", "to the right"),
}
DEPTH_PLACES = {
    "front": ("in front", "in the foreground", "at the front"),
    "behind": ("behind", "in the background", "at the back"),
}
OPPOSITE = {"left": "right", "right": "left", "front": "behind", "behind": "front"}

OPENINGS = (
    "there is",
    "a picture of",
    "a photo of",
    "an image of",
    "a view of",
    "here is",
    "we see",
    "this shows",
    "a scene with",
)
VERBS = ("is", "lies", "stands", "sits", "rests")
COUNTS = {
    2: ("two objects", "two things", "two solids"),
    3: ("three objects", "three things", "three solids"),
}
