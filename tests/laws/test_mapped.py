"""Mapped files: every tensor as it was written, and as often as it is asked for."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from calotype.checkpoints.safetensors_mapped import DTYPES, read_safetensors, release_pages
from calotype.errors import UserError

SHAPES = st.lists(st.integers(0, 40), max_size=3).map(tuple)
KINDS = st.sampled_from(sorted(DTYPES))
DRAWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def drawn(shape: tuple[int, ...], kind: str, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=generator) * 9).to(DTYPES[kind])


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Bit for bit, NaN too."""
    bits = [each.contiguous().reshape(-1).view(torch.uint8) for each in (a, b)]
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(*bits)


@DRAWN
@given(made=st.lists(st.tuples(SHAPES, KINDS), min_size=1, max_size=5))
def test_what_was_written_is_read(made: list, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {f"t{i}": drawn(*each, i) for i, each in enumerate(made)}
    save_file(tensors, path)
    found, theirs = read_safetensors(path), load_file(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert same(found[name], tensor), name
        assert same(found[name], theirs[name]), name


@DRAWN
@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=6))
def test_what_was_let_go_is_read_again(sizes: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {f"t{i}": drawn((size,), "F16", i) for i, size in enumerate(sizes)}
    save_file(tensors, path)
    found = read_safetensors(path)
    for name in found:
        release_pages(found[name])
        assert all(same(found[each], tensors[each]) for each in found)


def test_what_is_in_no_file_stays() -> None:
    tensor = torch.arange(100_000.0)
    release_pages(tensor)
    assert torch.equal(tensor, torch.arange(100_000.0))


def test_writing_to_a_tensor_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(9)}, path)
    read_safetensors(path)["a"].fill_(1)
    assert torch.equal(read_safetensors(path)["a"], torch.zeros(9))


def test_numbers_that_lie_across_words_are_read(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for padding in range(8):
        header = json.dumps({"a": entry}).encode() + b" " * padding
        path = tmp_path / f"{padding}.safetensors"
        path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<ff", 1.5, -2.5))
        assert read_safetensors(path)["a"].tolist() == [1.5, -2.5]


def test_nothing_at_an_odd_place_is_read(tmp_path: Path) -> None:
    entries = {
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
        "b": {"dtype": "F32", "shape": [0], "data_offsets": [3, 3]},
    }
    header = json.dumps(entries).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"abc")
    assert read_safetensors(path)["b"].shape == (0,)


def test_types_that_torch_lacks_are_named(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(UserError, match="the type C64"):
        read_safetensors(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_in_half_precision_is_never_in_memory_whole(tmp_path: Path) -> None:
    """128 MB as float16 become 256 MB as float32: with the file beside them it would be 384."""
    path = tmp_path / "a.safetensors"
    save_file({f"t{i}": torch.ones(2**22, dtype=torch.float16) for i in range(16)}, path)
    program = f"""
from pathlib import Path
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.checkpoints.safetensors_mapped import release_pages
def held(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
before = held("VmRSS")
copies = []
for tensor in read_safetensors(Path({str(path)!r})).values():
    copies.append(tensor.float())
    release_pages(tensor)
print(held("VmHWM") - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 200 < float(done.stdout) < 300
