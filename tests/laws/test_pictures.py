"""Laws of reading pictures: the network gets the content of a file in any format."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from calotype.data import CachedSource, FolderSource
from calotype.data.pictures import read_picture
from calotype.errors import UserError
from calotype.generate.pictures import to_images
from calotype.scenes import SceneSource

seeds, sides, channels = st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 5)
types = st.sampled_from(["uint8", "uint16", ">u2", "float16", "float32", ">f4", "float64"])


def random_array(seed: int, dtype: str, *shape: int) -> np.ndarray:
    """Numbers over the whole range of a type, its ends among them where there is room."""
    generator, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind == "f":
        found = generator.uniform(-1, 1, shape).astype(kind)
        least, most = -1, 1
    else:
        least, most = 0, np.iinfo(kind).max
        found = generator.integers(least, most, shape, np.uint16, endpoint=True).astype(kind)
    found.flat[0], found.flat[-1] = least, most
    return found


def unit(array: np.ndarray) -> torch.Tensor:
    """(H, W, C) numbers of any type as the network should see them, in float64."""
    values = torch.from_numpy(array.astype(np.float64)).permute(2, 0, 1)
    return values if array.dtype.kind == "f" else 2 * values / np.iinfo(array.dtype).max - 1


def assert_exact(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Equal but for float32's rounding of numbers up to 1."""
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=2e-7)


@given(seeds, sides, channels, types)
def test_an_array_is_read_as_it_was_written(seed: int, side: int, count: int, dtype: str) -> None:
    array = random_array(seed, dtype, side, side, count)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.npy"
        np.save(path, array)
        assert_exact(read_picture(path, side, count), unit(array))
        np.save(path, np.asfortranarray(array[..., 0]))
        assert_exact(read_picture(path, side, 1), unit(array[..., :1]))


@given(seeds, st.integers(1, 9), st.integers(0, 6), st.booleans(), channels)
def test_the_middle_square_is_what_is_read(
    seed: int, side: int, more: int, tall: bool, count: int
) -> None:
    array = random_array(seed, "uint16", side, side + more, count)
    middle = array[:, more // 2 : more // 2 + side]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.npy"
        np.save(path, array.swapaxes(0, 1) if tall else array)
        wanted = unit(middle.swapaxes(0, 1) if tall else middle)
        assert_exact(read_picture(path, side, count), wanted)


@given(st.integers(0, 65535), sides, st.integers(1, 30), st.integers(1, 30))
def test_a_constant_stays_constant(value: int, size: int, height: int, width: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.npy"
        np.save(path, np.full((height, width, 2), value, np.uint16))
        wanted = torch.full((2, size, size), 2 * value / 65535 - 1, dtype=torch.float64)
        assert_exact(read_picture(path, size, 2), wanted)


@given(seeds, sides, st.integers(1, 30), st.integers(1, 30))
def test_no_size_leaves_the_range_nor_mixes_channels(
    seed: int, size: int, height: int, width: int
) -> None:
    array = random_array(seed, "float32", height, width, 3).round()  # ends alone: it overshoots
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.npy"
        np.save(path, array)
        found = read_picture(path, size, 3)
        assert found.shape == (3, size, size)
        assert float(found.abs().max()) <= 1
        np.save(path, array[..., 1])
        assert torch.equal(read_picture(path, size, 1)[0], found[1])


@pytest.mark.parametrize(
    ("dtype", "suffix"),
    [("uint16", ".png"), ("uint16", ".tif"), (">u2", ".TIFF"), ("int32", ".tif")],
)
def test_greyscale_of_16_bits_is_read_whole(dtype: str, suffix: str, tmp_path: Path) -> None:
    """In all of Pillow's modes: I;16, I;16B and I."""
    array = random_array(0, "uint16", 8, 8, 1)
    path = tmp_path / f"x{suffix}"
    Image.fromarray(array[..., 0].astype(dtype)).save(path)
    assert_exact(read_picture(path, 8, 1), unit(array))
    larger = read_picture(path, 16, 1)
    assert larger.shape == (1, 16, 16)
    assert float(larger.abs().max()) <= 1
    with pytest.raises(UserError, match=r"data\.channels = 1 reads it, not 3"):
        read_picture(path, 8, 3)


def test_greyscale_of_floats_is_read_as_it_is(tmp_path: Path) -> None:
    array, path = random_array(0, "float32", 8, 8, 1), tmp_path / "x.tif"
    Image.fromarray(array[..., 0]).save(path)
    assert_exact(read_picture(path, 8, 1), unit(array))


@given(seeds, sides, sides, sides, st.sampled_from(["png", "tiff", "bmp"]))
def test_pictures_of_8_bits_are_read_as_ever(
    seed: int, size: int, height: int, width: int, form: str
) -> None:
    """Resized in bytes by Pillow, so that folders and models of before see what they saw."""
    image = Image.fromarray(random_array(seed, "uint8", height, width, 3))
    side = min(image.size)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"x.{form}"
        image.save(path)
        for count, mode in ((3, "RGB"), (1, "L")):
            small = image.convert(mode).resize((size, size), Image.Resampling.LANCZOS, box=box)
            wanted = torch.from_numpy(np.array(small)).reshape(size, size, count)
            found = read_picture(path, size, count)
            assert torch.equal(found, wanted.permute(2, 0, 1).float() / 127.5 - 1)


def cached(source: FolderSource, folder: Path) -> CachedSource:
    return CachedSource(source, folder, lambda done, total: None)


@settings(max_examples=20)
@given(seeds, channels, types)
def test_a_cache_keeps_all_bits(seed: int, count: int, dtype: str) -> None:
    """16-bit numbers come back as they were, floats to half a step of 2 / 65535."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(3):
            np.save(folder / f"{number}.npy", random_array(seed + number, dtype, 5, 5, count))
        source = FolderSource(folder, 5, count)
        assert source.bits == 16
        kept = cached(source, folder / "cache")
        pairs = zip(source.examples(range(3)), kept.examples(range(3)), strict=True)
        for direct, again in pairs:
            step = 1.01 / 65535 if np.dtype(dtype).kind == "f" else 2e-7
            torch.testing.assert_close(again.picture, direct.picture, rtol=0, atol=step)


def test_a_cache_of_pictures_in_8_bits_is_the_one_of_before(tmp_path: Path) -> None:
    """Its name, made of its key, and its bytes: rows of red, green and blue."""
    pictures = [random_array(number, "uint8", 6, 6, 3) for number in range(2)]
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    source = FolderSource(tmp_path, 6)
    assert source.bits == 8
    assert source.key.startswith(f"folder {tmp_path.resolve()} ")
    assert source.key.endswith(" at 6")
    name = hashlib.sha256(f"{source.key} 2 (3, 6, 6) uint8".encode()).hexdigest()[:16]
    kept = cached(source, tmp_path / "cache")
    planes = np.stack([pixels.transpose(2, 0, 1) for pixels in pictures])
    assert (tmp_path / "cache" / f"{name}.bin").read_bytes() == planes.tobytes()
    for direct, again in zip(source.examples([0, 1]), kept.examples([0, 1]), strict=True):
        assert torch.equal(direct.picture, again.picture)


def test_weights_of_pixels_are_cached_beside_their_picture(tmp_path: Path) -> None:
    source = SceneSource(seed=1, count=2, size=16)
    kept = CachedSource(source, tmp_path, lambda done, total: None)
    for direct, again in zip(source.examples([0, 1]), kept.examples([0, 1]), strict=True):
        assert direct.weight is not None
        assert again.weight is not None
        assert torch.equal(direct.weight, again.weight)
        # Half a step of a byte.
        torch.testing.assert_close(again.picture, direct.picture, rtol=0, atol=1.01 / 255)


def test_channels_and_bits_are_of_the_collection(tmp_path: Path) -> None:
    """Other channels are another collection; 16 bits where a name allows more than 8."""
    Image.new("L", (4, 4)).save(tmp_path / "x.jpg")
    assert FolderSource(tmp_path, 4, 1).bits == 8
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    colour, grey = FolderSource(tmp_path, 4), FolderSource(tmp_path, 4, 1)
    assert (colour.bits, grey.bits) == (8, 16)
    assert colour.key != grey.key
    assert grey.examples([0])[0].picture.shape == (1, 4, 4)
    np.save(tmp_path / "x.npy", np.zeros((4, 4, 3)))
    assert FolderSource(tmp_path, 4).bits == 16


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_array_is_one_short_error_at_most(tmp_path: Path, data) -> None:
    path = tmp_path / "x.npy"
    np.save(path, random_array(0, "uint16", 4, 4, 2))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 8))):
        raw[data.draw(st.integers(0, 159))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    message = f"{path}: "
    try:
        read_picture(path, 4, 2)
    except UserError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    "shape", [(4, 4, 10**30), (2**61, 4, 2), (10**10, 10**10, 2), (-1, 4, 2), (True, 4, 2), (4, 4)]
)
def test_a_shape_that_the_file_does_not_hold(shape: tuple[int, ...], tmp_path: Path) -> None:
    """It is refused before memory is taken."""
    with (tmp_path / "x.npy").open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(31))
    with pytest.raises(UserError, match="can't be read as an array"):
        read_picture(tmp_path / "x.npy", 4, 2)


@given(seeds, st.integers(1, 6), sides)
def test_every_number_of_channels_can_be_shown(seed: int, count: int, side: int) -> None:
    pixels = random_array(seed, "uint8", 2, count, side, side)
    shown = to_images(torch.from_numpy(pixels).float() / 127.5 - 1)
    assert {image.mode for image in shown} == {"RGB" if count >= 3 else "L"}
    for image, wanted in zip(shown, pixels, strict=True):
        planes = wanted[:3].transpose(1, 2, 0) if count >= 3 else wanted[0]
        assert np.array_equal(np.asarray(image), planes)
