"""The packaged map reader reads held-out renderings as they are."""

from statistics import fmean

from calotype.evaluation.scenes import RENDERING_SEED
from calotype.evaluation.scenes.judge import load_map_reader
from calotype.evaluation.scenes.maps import class_ious, object_ious
from calotype.scenes import GROUNDS, SEMANTIC_CLASSES, SceneSource, render
from calotype.scenes.map_reader import read_maps

COUNT = 32  # recipes/scenes/README.md has the figures of 500
LEAST = 0.95  # what the masks, maps and layouts of other models are judged by


def test_objects_shapes_and_grounds_are_read():
    source = SceneSource(RENDERING_SEED, COUNT, objects=(1, 3), split="all")
    true = render([source.scene(index) for index in range(COUNT)])
    read = read_maps(load_map_reader(), true.pictures)
    pairs = zip(read.objects, true.objects, strict=True)
    assert fmean(iou for pair in pairs for iou in object_ious(*pair)) >= LEAST
    classes = class_ious(read.semantic, true.semantic, range(len(SEMANTIC_CLASSES)))
    assert len(classes) == len(SEMANTIC_CLASSES)
    assert fmean(classes[k] for k in classes if k < len(GROUNDS)) >= LEAST
    assert fmean(classes[k] for k in classes if k >= len(GROUNDS)) >= LEAST
