"""Models by their hub ids: from the cache without a word to the network, else one short error."""

import shutil
from pathlib import Path

import pytest

from calotype.checkpoints import load
from calotype.checkpoints.hub import is_id, wanted_files
from calotype.errors import UserError


@pytest.fixture
def cache(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as huggingface_hub lays it out, that holds a model."""
    kept = tmp_path / "models--calotype--tiny"
    shutil.copytree(tiny, kept / "snapshots/0123abc")
    for revision in ("main", "fp16"):
        (kept / "refs").mkdir(exist_ok=True)
        (kept / "refs" / revision).write_text("0123abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return kept / "snapshots/0123abc"


@pytest.mark.parametrize("name", ["calotype/tiny", "calotype/tiny@fp16"])
def test_what_is_in_the_cache_is_opened(name: str, cache: Path) -> None:
    assert load(name).unet.config.sample_size


@pytest.mark.parametrize("missing", ["vae/diffusion_pytorch_model.safetensors", "model_index.json"])
def test_what_is_missing_is_asked_for_and_the_answer_told(missing: str, cache: Path) -> None:
    (cache / missing).unlink()
    with pytest.raises(UserError, match=r'model "calotype/tiny": .*not in the cache.*answered'):
        load("calotype/tiny")


def test_one_form_of_each_network_is_fetched() -> None:
    files = [
        "model_index.json",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/pytorch_model.bin",
        "v1-5-pruned.ckpt",
        "safety_checker/pytorch_model.bin",
    ]
    assert [*wanted_files(files)] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/diffusion_pytorch_model*-of-*.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/config.json",
        "text_encoder/pytorch_model.bin",
    ]


def test_what_an_id_is() -> None:
    assert all(map(is_id, ("owner/name", "owner/na.me-2@refs/pr/3")))
    others = ("name", "a/b/c", "../name", "./name", "/abs/olute", "own er/name", "a/b@", "a/b.ckpt")
    assert not any(map(is_id, others))
