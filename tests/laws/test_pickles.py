"""Laws of reading pickles: tensors come through, nothing that is named is run, all else refuses."""

import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.checkpoints.pickles import read_pickle
from calotype.checkpoints.weights import read_weights
from calotype.errors import NotWhole, UserError

WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2, dtype=torch.float16)}


class Runs:
    """Leaves a file behind when it is unpickled by a loader that runs things."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_come_through(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    held = {"state_dict": OrderedDict(WEIGHTS), "global_step": 3, "lr": [0.1, None, True]}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    found = read_pickle(path)
    assert found["global_step"] == 3
    assert all(torch.equal(found["state_dict"][name], WEIGHTS[name]) for name in WEIGHTS)
    assert read_weights(path).keys() == WEIGHTS.keys()


def test_parameters_as_they_were_written_in_2017(tmp_path: Path) -> None:
    """The class itself and its state: requires_grad, volatile, hooks."""
    path, weight = tmp_path / "w.pth", torch.nn.Parameter(WEIGHTS["a"])
    state = (True, False, OrderedDict())
    with patch.object(
        torch.nn.Parameter,
        "__reduce_ex__",
        lambda self, protocol: (torch.nn.Parameter, (self.data,), state),
    ):
        torch.save(OrderedDict(a=weight), path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_weights(path)["a"], WEIGHTS["a"])


def test_what_a_training_program_leaves_is_emptied(tmp_path: Path) -> None:
    """Numbers of numpy and a callback's class, as Stable Diffusion 1's own files hold them."""
    path, name = tmp_path / "w.ckpt", "pytorch_lightning.callbacks.model_checkpoint"
    callback = type("ModelCheckpoint", (), {"__module__": name})
    parents = [name.rsplit(".", depth)[0] for depth in (2, 1)]
    modules = {each: types.ModuleType(each) for each in (*parents, name)}
    modules[name].ModelCheckpoint = callback
    held = {"state_dict": WEIGHTS, "callbacks": {callback: {"best": np.float64(3)}}, "seen": {1, 2}}
    with patch.dict(sys.modules, modules):
        torch.save(held, path)
    assert read_weights(path).keys() == WEIGHTS.keys()


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("written", ["zip", "old", "bare"])
def test_nothing_is_run(written: str, protocol: int, tmp_path: Path) -> None:
    path, mark = tmp_path / "w.ckpt", tmp_path / "mark"
    held = {"state_dict": WEIGHTS, "evil": Runs(mark)}
    if written == "bare":
        path.write_bytes(pickle.dumps(held["evil"], protocol))
    else:
        torch.save(
            held,
            path,
            pickle_protocol=protocol or 1,
            _use_new_zipfile_serialization=written == "zip",
        )
    with pytest.raises(UserError) as caught:
        read_pickle(path)
    assert not mark.exists()
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("held", [bytearray(5), Path(), range(3), open, torch.device("cpu")])
def test_what_is_no_tensor_is_refused(held: object, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"x": held}, path)
    with pytest.raises(UserError, match="refused: it names"):
        read_pickle(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.ckpt", tmp_path / "bomb.ckpt"
    torch.save(WEIGHTS, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            data = bytes(2**24) if entry.filename.endswith("/data/0") else old.read(entry)
            new.writestr(entry.filename, data)
    with pytest.raises(NotWhole, match="is compressed"):
        read_pickle(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_one_short_error_at_most(tmp_path: Path, data) -> None:
    path = tmp_path / "w.ckpt"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=data.draw(st.booleans()))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    message = ""
    try:
        read_weights(path)
    except UserError as error:
        message = str(error)
    assert "\n" not in message
    assert len(message) < 400
