"""Laws of reading pictures of scenes: readings of perfect predictions, and the verdicts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.scenes import Scene, draw_scene
from calotype.scenes.camera import ground_y, project
from calotype.scenes.cells import VALUES, WIDTHS, losses, targets
from calotype.scenes.reader import Reader, read
from calotype.scenes.reading import ATTRIBUTES, Reading, mistakes, shows, truth
from calotype.training.tasks.scenes.reader import mirror

drawn = st.builds(
    lambda index, count: draw_scene(1, index, objects=(count, count), split="all"),
    st.integers(0, 2**32),
    st.integers(1, 3),
)


def perfect(wanted: torch.Tensor) -> Reader:
    """A network that predicts the targets for any input."""
    parts = [wanted[:, :1].logit(eps=1e-6)]
    for index, width in zip(wanted[:, 1:5].unbind(1), WIDTHS, strict=True):
        choices = torch.nn.functional.one_hot(index.long().clamp(min=0), width)
        parts.append(choices.permute(0, 3, 1, 2).float() * 20)
    grounds = torch.nn.functional.one_hot(wanted[:, 7, 0, 0].long(), 5).float() * 20
    logits = torch.cat([*parts, wanted[:, 5:7]], dim=1), grounds

    class Perfect(Reader):
        def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return logits

    return Perfect()


@given(st.floats(-3, 3), st.floats(-3, 5))
def test_the_ground_is_found_again_from_its_row(x: float, y: float) -> None:
    _, row, _ = project(np.array([x, y, 0.0]))
    assert ground_y(float(row)) == pytest.approx(y, abs=1e-9)


@given(drawn)
def test_the_truth_shows_its_scene(scene: Scene) -> None:
    assert mistakes(truth(scene), scene, ATTRIBUTES) == ()


@given(drawn)
def test_what_says_the_targets_is_read_as_the_truth(scene: Scene) -> None:
    """Also: a perfect network has no loss but the entropy of the presences that cells share."""
    wanted = targets([scene])
    (reading,) = read(perfect(wanted), torch.zeros(1, 3, 128, 128))
    assert shows(reading, scene, ATTRIBUTES)
    expected = sorted(truth(scene).objects, key=lambda seen: (seen.column, seen.y))
    found = sorted(reading.objects, key=lambda seen: (seen.column, seen.y))
    for seen, true in zip(found, expected, strict=True):
        # Targets are in float32: 1e-7 of 16 cells, magnified where the ground is seen flat.
        assert (seen.column, seen.y) == pytest.approx((true.column, true.y), abs=1e-4)
    logits = perfect(wanted)(torch.zeros(0))
    found = losses(*logits, wanted)
    shared = torch.distributions.Bernoulli(wanted[:, 0]).entropy().mean() * 16
    assert found.pop("presence").item() == pytest.approx(shared.item(), abs=1e-2)
    assert sum(found.values()) < 1e-2


@given(drawn)
def test_the_presences_of_objects_are_one_each(scene: Scene) -> None:
    presence = targets([scene])[:, 0]
    assert presence.sum().item() == pytest.approx(len(scene.objects), abs=1e-4)


@given(drawn)
def test_a_mirrored_picture_is_read_mirrored(scene: Scene) -> None:
    wanted = mirror(targets([scene]))
    (reading,) = read(perfect(wanted), torch.zeros(1, 3, 128, 128))
    columns = sorted(1 - seen.column for seen in reading.objects)
    expected = sorted(seen.column for seen in truth(scene).objects)
    assert columns == pytest.approx(expected, abs=1e-5)
    assert torch.equal(mirror(wanted), targets([scene]))


@given(drawn, st.permutations(range(3)))
def test_the_order_of_objects_is_no_matter(scene: Scene, order: list[int]) -> None:
    seen = truth(scene)
    objects = tuple(seen.objects[k] for k in order if k < len(seen.objects))
    assert shows(Reading(objects, seen.ground), scene, ATTRIBUTES)


@given(drawn, st.sampled_from(ATTRIBUTES), st.data())
def test_one_wrong_attribute_is_named(scene: Scene, name: str, data: st.DataObject) -> None:
    """If the matching of objects is unique, the one mistake is found, and nothing else."""
    seen = truth(scene)
    first = seen.objects[0]
    other = data.draw(st.sampled_from([v for v in VALUES[name] if v != getattr(first, name)]))
    changed = Reading((replace(first, **{name: other}), *seen.objects[1:]), seen.ground)
    (mistake,) = mistakes(changed, scene, ATTRIBUTES)
    assert (mistake.kind, mistake.seen, mistake.wanted) == (name, other, getattr(first, name))
    assert shows(changed, scene, [each for each in ATTRIBUTES if each != name])


@given(drawn)
def test_missing_and_moved_objects_are_mistakes(scene: Scene) -> None:
    seen = truth(scene)
    (mistake,) = mistakes(Reading(seen.objects[1:], seen.ground), scene)
    assert mistake.kind == "count"
    if len(seen.objects) > 1:
        across = [replace(s, column=1 - s.column, y=-s.y) for s in seen.objects]
        found = mistakes(Reading(tuple(across), seen.ground), scene, ATTRIBUTES)
        assert found
        assert {mistake.kind for mistake in found} <= {"relation", *ATTRIBUTES}
