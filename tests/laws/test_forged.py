"""Forged safetensors files: one short error each, and no more memory than they are long."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.errors import UserError

ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def forged(header: object, data: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


FORGED = {
    "a header longer than the file": forged({"a": ONE}, length=2**40),
    "a header longer than memory": forged({"a": ONE}, length=2**63 - 1),
    "no header": forged(b""),
    "a header that is no object": forged([ONE]),
    "no JSON": forged(b"{" * 999),
    "deep JSON": forged(b'{"a":' * 100_000),
    "offsets beyond the end": forged({"a": ONE | {"data_offsets": [0, 2**60]}}),
    "a shape beyond the data": forged({"a": ONE | {"shape": [2**40]}}),
    "a shape that overflows": forged({"a": ONE | {"shape": [2**32, 2**32]}}),
    "negative offsets": forged({"a": ONE | {"data_offsets": [-8, 0]}}),
    "backward offsets": forged({"a": ONE | {"data_offsets": [8, 0]}}),
    "a negative shape": forged({"a": ONE | {"shape": [-2]}}),
    "overlapping tensors": forged({"a": ONE, "b": ONE}),
    "a hole": forged({"a": ONE | {"data_offsets": [8, 16]}}, bytes(16)),
    "bytes after the end": forged({"a": ONE}, bytes(99)),
    "an unknown type": forged({"a": ONE | {"dtype": "F99"}}),
    "truncated": forged({"a": ONE}, bytes(7)),
    "a name twice": forged(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        bytes(16),
    ),
    "metadata that is no text": forged({"__metadata__": {"a": 1}, "a": ONE}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_one_short_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "forged.safetensors"
    path.write_bytes(FORGED[name])
    with pytest.raises(UserError) as caught:
        read_safetensors(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 300


def test_no_forged_file_takes_more_memory_than_it_is_long(tmp_path: Path) -> None:
    """A process that may have a quarter of a GB more than it has, reads them all."""
    for number, raw in enumerate(FORGED.values()):
        (tmp_path / f"{number}.safetensors").write_bytes(raw)
    program = f"""
import resource
from pathlib import Path
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.errors import UserError
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 2**28, held + 2**28))
for path in Path({str(tmp_path)!r}).glob("*.safetensors"):
    try:
        read_safetensors(path)
    except UserError:
        print("refused")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["refused"] * len(FORGED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.data())
def test_a_damaged_file_is_one_short_error_at_most(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "damaged.safetensors"
    raw = bytearray(save({"a": torch.ones(2, 3), "b.c": torch.zeros(4, dtype=torch.float16)}))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    message = ""
    try:
        read_safetensors(path)
    except UserError as error:
        message = str(error)
    assert "\n" not in message
