"""Laws of maps: what is read from logits that say all, and how maps are compared."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from calotype.evaluation.scenes.maps import class_ious, iou, object_ious
from calotype.scenes import GROUNDS, SEMANTIC_CLASSES, SHAPES, Rendering, SceneSource, render
from calotype.scenes.map_reader import MapReader, read_maps
from calotype.scenes.maps import Maps, map_losses, maps_of, offsets_to_middles
from calotype.training.tasks.scenes.maps import pack, unpack

SURE = 20.0  # logit of what is certain


@pytest.fixture(scope="module")
def shown() -> Rendering:
    source = SceneSource(3, 24, objects=(1, 3), split="all")
    return render([source.scene(index) for index in range(len(source))])


def maps(shown: Rendering) -> Maps:
    return Maps(shown.objects, shown.semantic)


def perfect(wanted: Maps) -> Tensor:
    """The logits of a network that knows the maps."""
    inside = SURE * (2 * (wanted.objects > 0).float() - 1)[:, None]
    classes = SURE * F.one_hot(wanted.semantic.long(), len(SEMANTIC_CLASSES)).permute(0, 3, 1, 2)
    grounds, shapes = classes.split([len(GROUNDS), len(SHAPES)], dim=1)
    return torch.cat([inside, shapes, grounds, offsets_to_middles(wanted.objects)], dim=1)


def test_logits_that_say_all_are_read_as_the_truth(shown: Rendering) -> None:
    """Every object is told apart, also where one covers another; and there is no loss."""
    wanted = maps(shown)
    read = maps_of(perfect(wanted))
    assert torch.equal(read.semantic, wanted.semantic)
    for found, true in zip(read.objects, wanted.objects, strict=True):
        assert object_ious(found, true) == [1.0] * int(true.max())
    assert sum(map_losses(perfect(wanted), wanted).values()) < 1e-6


def test_objects_are_told_apart_by_inexact_offsets(shown: Rendering) -> None:
    """Middles missed by 2 pixels, a tenth of the least distance of two, part objects as well."""
    wanted = maps(shown)
    logits = perfect(wanted)
    noise = torch.randn(logits[:, -2:].shape, generator=torch.Generator().manual_seed(0))
    logits[:, -2:] += noise * 2 / 16
    for found, true in zip(maps_of(logits).objects, wanted.objects, strict=True):
        assert object_ious(found, true) == [1.0] * int(true.max())


def test_a_few_pixels_are_no_object(shown: Rendering) -> None:
    logits = perfect(Maps(torch.zeros_like(shown.objects), shown.semantic.clamp(max=4)))
    logits[:, 0, 60:66, 60:66] = SURE
    assert not maps_of(logits).objects.any()


def test_what_is_an_object_has_a_shape_and_the_rest_a_ground() -> None:
    logits = torch.randn(2, 12, 128, 128, generator=torch.Generator().manual_seed(0))
    read = maps_of(F.interpolate(logits[..., ::16, ::16], (128, 128)))
    assert torch.equal(read.objects > 0, read.semantic >= len(GROUNDS))


def test_mirrored_maps_have_mirrored_offsets(shown: Rendering) -> None:
    offsets = offsets_to_middles(shown.objects)
    mirrored = offsets.flip(-1) * torch.tensor([1.0, -1.0])[:, None, None]
    # Means of up to 128 * 128 places in fp32: within a thousandth of a pixel, a 16th of that here.
    torch.testing.assert_close(
        offsets_to_middles(shown.objects.flip(-1)), mirrored, atol=1e-4, rtol=0
    )


def test_packing_loses_nothing(shown: Rendering) -> None:
    unpacked = unpack(pack(maps(shown)).half().float())
    assert torch.equal(unpacked.objects, shown.objects)
    assert torch.equal(unpacked.semantic, shown.semantic)
    mirrored = unpack(pack(maps(shown)).flip(-1))
    assert torch.equal(mirrored.semantic, shown.semantic.flip(-1))


@pytest.mark.parametrize("size", [64, 128, 200])
def test_maps_have_the_size_of_their_pictures(size: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MapReader()
    pictures = torch.zeros(2, 3, size, size)
    read = read_maps(network, pictures)
    assert read.objects.shape == read.semantic.shape == (2, size, size)
    assert read.objects.dtype == read.semantic.dtype == torch.int8


masks = st.lists(st.integers(0, 2), min_size=16, max_size=16).map(
    lambda numbers: torch.tensor(numbers, dtype=torch.int8).view(4, 4)
)


@given(masks, masks)
def test_agreement_is_symmetric_and_a_share(one: Tensor, other: Tensor) -> None:
    classes = class_ious(one, other, range(3))
    assert classes == class_ious(other, one, range(3))
    assert set(classes) == {*one.unique().tolist(), *other.unique().tolist()}
    objects = object_ious(one, other)
    assert sorted(objects) == sorted(object_ious(other, one))
    assert all(0 <= value <= 1 for value in [*classes.values(), *objects])


@given(masks)
def test_a_map_agrees_with_itself(one: Tensor) -> None:
    """However its objects are numbered."""
    assert set(class_ious(one, one, range(3)).values()) == {1.0}
    renumbered = torch.where(one > 0, 3 - one, 0)
    count = len(set(one.unique().tolist()) - {0})
    assert object_ious(one, one) == object_ious(one, renumbered) == [1.0] * count


def test_the_agreement_of_known_masks() -> None:
    one = torch.tensor([[1, 1, 1, 0, 0, 2]])
    other = torch.tensor([[0, 1, 1, 1, 0, 0]])
    assert iou(one == 1, other == 1) == 2 / 4
    assert object_ious(one, other) == [0.5, 0.0]  # the second has no partner
    assert class_ious(one, other, [0, 1, 2, 3]) == {0: 1 / 4, 1: 0.5, 2: 0.0}
