"""Laws of the learned perceptual distance, and what its published files may hold."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from calotype.autoencoder.lpips import Lpips
from calotype.checkpoints.files import write_safetensors
from calotype.diffusion import normal
from calotype.errors import UserError
from calotype.training.perceptual import load_lpips

# What stands where in the published files: convolutions of torchvision's VGG16 with their channels.
CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
CONVOLUTIONS |= {12: (256, 256), 14: (256, 256), 17: (256, 512)}
CONVOLUTIONS |= dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
LAST = {2: 64, 7: 128, 14: 256, 21: 512, 28: 512}  # those whose output is compared


def published() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random tensors under the names of both files: VGG16 without its classifier, and heads."""
    generator = torch.Generator().manual_seed(0)
    vgg = {}
    for index, (narrow, wide) in CONVOLUTIONS.items():
        weight = torch.randn(wide, narrow, 3, 3, generator=generator)
        vgg[f"features.{index}.weight"] = weight * (2 / (9 * narrow)) ** 0.5
        vgg[f"features.{index}.bias"] = 0.1 * torch.randn(wide, generator=generator)
    heads = {
        f"lin{level}.model.1.weight": torch.rand(1, wide, 1, 1, generator=generator)
        for level, wide in enumerate(LAST.values())
    }
    return vgg, heads


VGG, HEADS = published()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Both files as they are published, the classifier cut short."""
    folder = tmp_path_factory.mktemp("lpips")
    classifier = {f"classifier.{n}.weight": torch.ones(2) for n in (0, 3, 6)}
    torch.save(OrderedDict(VGG | classifier), folder / "vgg16.pth")
    torch.save(OrderedDict(HEADS), folder / "vgg.pth", _use_new_zipfile_serialization=False)
    return folder / "vgg16.pth", folder / "vgg.pth"


@pytest.fixture(scope="module")
def network(files: tuple[Path, Path]) -> Lpips:
    return load_lpips(*files, "cpu")


def by_definition(found: Tensor, wanted: Tensor) -> Tensor:
    """Equation 1 of Zhang et al. 2018 over the published tensors, in float64."""
    colours = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=torch.float64)
    mean, deviation = colours[:, :, None, None]
    x = (torch.cat([found, wanted]).double() / 2 + 0.5 - mean) / deviation
    total, level = torch.zeros(len(found)).double(), 0
    for index in CONVOLUTIONS:
        weight, bias = (VGG[f"features.{index}.{kind}"].double() for kind in ("weight", "bias"))
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
        if index in LAST:
            length = (x**2).sum(1, keepdim=True) ** 0.5
            a, b = (x / (length + 1e-10)).chunk(2)
            head = HEADS[f"lin{level}.model.1.weight"].double()
            total += F.conv2d((a - b) ** 2, head).flatten(1).mean(1)
            level += 1
            x = F.max_pool2d(x, 2) if index != 28 else x
    return total


def pictures(seed: int, size: int = 16) -> tuple[Tensor, Tensor]:
    first, second = (
        normal([seed, seed + 1], 0, purpose, (3, size, size)).clamp(-1, 1)
        for purpose in ("first", "second")
    )
    return first, second


def test_the_distance_is_the_papers(network: Lpips) -> None:
    """In float64, and in float32 as far as its 24 bits carry through 13 layers."""
    exact = Lpips().double()
    exact.load_state_dict(network.state_dict())
    for size in (16, 19):  # whose rows come out even in the poolings, and don't
        a, b = pictures(1, size)
        wanted = by_definition(a, b)
        torch.testing.assert_close(exact(a, b), wanted, rtol=1e-12, atol=0)
        torch.testing.assert_close(network(a, b), wanted.float(), rtol=1e-4, atol=0)


@settings(max_examples=4)
@given(st.integers(0, 2**32))
def test_the_distance_is_one(network: Lpips, seed: int) -> None:
    """Zero for equal pictures, symmetric, never negative, independent of the batch."""
    a, b = pictures(seed)
    assert network(a, a).tolist() == [0, 0]
    distance, reverse = network(a, b), network(b, a)
    assert torch.equal(distance, reverse)
    assert (distance > 0).all()
    torch.testing.assert_close(network(a[:1], b[:1]), distance[:1], rtol=1e-5, atol=0)


def test_grey_is_three_equal_channels(network: Lpips) -> None:
    a, b = (each[:, :1] for each in pictures(2))
    three = network(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1))
    torch.testing.assert_close(network(a, b), three)


def test_the_gradient_goes_to_the_picture_alone(network: Lpips) -> None:
    """Also where no feature answers; and small steps along it bring the pictures together."""
    assert not any(parameter.requires_grad for parameter in network.parameters())
    a, b = pictures(3)
    a.requires_grad_()
    network(a, b).sum().backward()
    assert a.grad is not None
    closer = a.detach() - 1e-3 * a.grad / a.grad.abs().max()
    assert (network(closer, b) < network(a, b)).all()
    silent = Lpips()
    silent.load_state_dict({n: -w.abs() for n, w in network.state_dict().items()})
    dark = torch.ones(1, 3, 16, 16, requires_grad=True)
    silent(dark, b[:1]).sum().backward()
    assert dark.grad is not None
    assert dark.grad.isfinite().all()


def test_sums_are_in_float32_under_autocast(network: Lpips) -> None:
    a, b = pictures(4)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(a, b)
    assert half.dtype == torch.float32
    # bfloat16 has 8 bits; their errors average over channels and places.
    torch.testing.assert_close(half, network(a, b), rtol=0.02, atol=0)


def test_safetensors_and_half_precision_load_alike(network: Lpips, tmp_path: Path) -> None:
    vgg, heads = tmp_path / "vgg16.safetensors", tmp_path / "vgg.safetensors"
    write_safetensors(vgg, {name: tensor.half() for name, tensor in VGG.items()})
    write_safetensors(heads, HEADS)
    a, b = pictures(5)
    found = load_lpips(vgg, heads, "cpu")(a, b)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network(a, b), rtol=1e-2, atol=0)


MISTAKES = {
    '"features.1.weight" (did you mean': {"features.1.weight": torch.ones(64)},  # with norms
    "and 4 more are not in the network": HEADS,
    '"features.28.bias" has shape (4,), the network\'s is (512,)': {
        "features.28.bias": torch.ones(4)
    },
    '"features.28.bias" is not in the file': {"features.28.bias": None},
    "expected tensors by name": dict.fromkeys(VGG),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_file_of_another_network(files, tmp_path: Path, message: str) -> None:
    held = {n: t for n, t in (VGG | MISTAKES[message]).items() if t is not None}
    torch.save(held, tmp_path / "x.pth")
    with pytest.raises(UserError) as caught:
        load_lpips(tmp_path / "x.pth", files[1], "cpu")
    assert str(caught.value).startswith(str(tmp_path / "x.pth"))
    assert message in str(caught.value)


def test_both_files_swapped(files) -> None:
    with pytest.raises(UserError, match="does not fit VGG16"):
        load_lpips(files[1], files[0], "cpu")
    with pytest.raises(UserError, match="does not fit the heads of LPIPS"):
        load_lpips(files[0], files[0], "cpu")
