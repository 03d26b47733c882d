"""Files appear whole or not at all; errors name what is broken; older names have one meaning."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from calotype.autoencoder import Autoencoder
from calotype.checkpoints.aliases import AUTOENCODER, TEXT_ENCODER, present_name
from calotype.checkpoints.files import (
    read_json,
    write_atomically,
    write_folder_atomically,
    write_json,
    write_safetensors,
)
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.conditioning import CLIPTextEncoder
from calotype.errors import UserError
from calotype.presets import autoencoder_config, text_config

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool)
TENSORS = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.builds(
        lambda shape, dtype: (
            (torch.arange(9**3) % 7)[: torch.Size(shape).numel()].reshape(shape).to(dtype)
        ),
        st.lists(st.integers(0, 9), max_size=3),
        st.sampled_from(DTYPES),
    ),
    max_size=4,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@given(TENSORS)
def test_tensors_there_and_back(tensors: dict[str, Tensor]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.safetensors"
        write_safetensors(path, tensors, {"samples": "7"})
        back = read_safetensors(path)
        assert back.keys() == tensors.keys()
        for key, tensor in tensors.items():
            assert back[key].dtype == tensor.dtype
            assert torch.equal(back[key], tensor)
        assert [p.name for p in Path(name).iterdir()] == [path.name]


def test_tensors_in_any_memory_layout(folder: Path) -> None:
    """What is transposed or channels-last in memory is written in its logical order."""
    tensors = {
        "transposed": torch.arange(6.0).view(2, 3).T,
        "channels last": torch.arange(48.0).view(1, 3, 4, 4).to(memory_format=torch.channels_last),
        "trained": torch.nn.Parameter(torch.arange(3.0)),
    }
    write_safetensors(folder / "x", tensors)
    back = read_safetensors(folder / "x")
    (folder / "y").touch()
    assert (folder / "x").stat().st_mode == (folder / "y").stat().st_mode, "others may read it too"
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())


@given(st.integers(0, 459))
def test_a_file_cut_anywhere_is_refused(length: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.safetensors"
        write_safetensors(path, {"a": torch.zeros(50), "b": torch.zeros(25)})
        whole = path.read_bytes()
        assert len(whole) >= 460
        path.write_bytes(whole[:length])
        with pytest.raises(UserError) as caught:
            read_safetensors(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        header = 8 + int.from_bytes(whole[:8], "little")
        if length >= header:
            assert f"expected {len(whole)} bytes, found {length};" in message
        elif length > 8:
            # Less than the header may be left, or all of it but the spaces at its end.
            expected = f"at least {header}", f"{len(whole)}"
            assert any(f"expected {e} bytes, found {length};" in message for e in expected)


def test_what_is_no_safetensors_file(folder: Path) -> None:
    for content in (b"", b"PK\x03\x04" * 9, b"<html></html>", b"\xff" * 99):
        (folder / "x").write_bytes(content)
        with pytest.raises(UserError, match="expected a safetensors file, found no JSON header"):
            read_safetensors(folder / "x")
    with pytest.raises(UserError, match="y: cannot be read"):
        read_safetensors(folder / "y")
    with pytest.raises(UserError, match="cannot be read"):
        read_safetensors(folder)


@given(st.binary(max_size=20), st.binary(max_size=20), st.booleans())
def test_a_writer_that_fails_leaves_the_old_file(old: bytes, new: bytes, there: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        if there:
            path.write_bytes(old)

        def write(fails: bool) -> None:
            with write_atomically(path) as temporary:
                temporary.write_bytes(new)
                if fails:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(fails=True)
        assert [p.read_bytes() for p in Path(name).iterdir()] == ([old] if there else [])
        write(fails=False)
        assert [p.read_bytes() for p in Path(name).iterdir()] == [new]


def test_a_writer_that_fails_leaves_the_old_folder(folder: Path) -> None:
    place = folder / "deep" / "model"
    with write_folder_atomically(place) as temporary:
        (temporary / "a").write_text("1")

    def fail() -> None:
        with write_folder_atomically(place) as temporary:
            (temporary / "a").write_text("2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (place / "a").read_text() == "1"
    with write_folder_atomically(place) as temporary:
        (temporary / "a").write_text("3")
        (temporary / "b").write_text("3")
    assert {p.name: p.read_text() for p in place.iterdir()} == {"a": "3", "b": "3"}
    assert [p.name for p in place.parent.iterdir()] == ["model"]


def test_a_place_that_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_text("")
    for place in (folder / "file" / "x.json", folder / "no folder" / "x.json"):
        with pytest.raises(UserError, match=r"x\.json: cannot be written: "):
            write_json(place, {})
        with pytest.raises(UserError, match=r"x\.json: cannot be written: "):
            write_safetensors(place, {"a": torch.zeros(1)})


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(st.integers(), st.text(max_size=5), st.none(), st.lists(st.booleans())),
    )
)
def test_json_there_and_back(values: dict) -> None:
    with tempfile.TemporaryDirectory() as name:
        write_json(Path(name) / "x.json", values)
        assert read_json(Path(name) / "x.json") == values == json.loads(json.dumps(values))


def test_what_is_no_json_object(folder: Path) -> None:
    for content, words in ((b"{", "not JSON"), (b"[1]", "found list"), (b"\xff", "not JSON")):
        (folder / "x.json").write_bytes(content)
        with pytest.raises(UserError, match=words):
            read_json(folder / "x.json")


NAMES = st.from_regex(
    r"(text_model\.)?(embeddings|(en|de)coder)(\.(layers|(up_|mid_)block|attentions|0)){0,4}"
    r"\.(query|key|value|proj_attn|to_q|to_out\.0|position_ids|token_embedding)(\.(weight|bias))?",
    fullmatch=True,
)


@pytest.mark.parametrize("aliases", [TEXT_ENCODER, AUTOENCODER], ids=["text", "autoencoder"])
@given(name=NAMES)
def test_a_present_name_is_not_renamed_again(aliases: tuple, name: str) -> None:
    once = present_name(name, aliases)
    assert once is None or present_name(once, aliases) == once


def names_of(network: type, config: object) -> list[str]:
    with torch.device("meta"):
        return list(network(config).state_dict())


def test_our_own_names_are_the_present_ones() -> None:
    for name in names_of(CLIPTextEncoder, text_config("tiny")):
        assert present_name(name, TEXT_ENCODER) == name
        assert present_name(name.removeprefix("text_model."), TEXT_ENCODER) == name
    for name in names_of(Autoencoder, autoencoder_config("sd1")):
        assert present_name(name, AUTOENCODER) == name
    assert present_name("text_model.embeddings.position_ids", TEXT_ENCODER) is None


@pytest.mark.parametrize(("old", "new"), [("query", "to_q"), ("proj_attn", "to_out.0")])
def test_older_attention_names_mean_one_thing(old: str, new: str) -> None:
    """Only in the attention of the middle: a "key" elsewhere is somebody else's."""
    for half in ("encoder", "decoder"):
        place = f"{half}.mid_block.attentions.0"
        assert present_name(f"{place}.{old}.bias", AUTOENCODER) == f"{place}.{new}.bias"
    assert present_name(f"{old}.bias", AUTOENCODER) == f"{old}.bias"
