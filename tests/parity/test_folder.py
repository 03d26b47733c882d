"""Whole folders: diffusers' own read by us, ours read by diffusers, and back bit for bit."""

from pathlib import Path

import diffusers
import pytest
import torch
from reference import TOLERANCE, difference
from safetensors.torch import load_file, save_file
from tiny_pipeline import FAMILIES, pipeline

from calotype.checkpoints import load, load_autoencoder, save
from calotype.checkpoints.kinds import AUTOENCODER_KL
from calotype.condition import Condition
from calotype.errors import UserError
from calotype.model import LatentDiffusion

PROMPTS = ["a small red cube", "", "Two CONES! <|endoftext|> é"]


@pytest.fixture(params=FAMILIES)
def theirs(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, diffusers.StableDiffusionPipeline]:
    made = pipeline(request.param, tmp_path)
    folder = tmp_path / "their folder"
    made.save_pretrained(folder)
    return folder, made


def close(ours: torch.Tensor, expected: torch.Tensor) -> bool:
    return difference(ours, expected) < TOLERANCE[torch.float32]


@torch.inference_mode()
def assert_equal_outputs(ours: LatentDiffusion, theirs: diffusers.StableDiffusionPipeline) -> None:
    generator = torch.Generator().manual_seed(5)
    ids = theirs.tokenizer(
        PROMPTS, padding="max_length", max_length=9, truncation=True, return_tensors="pt"
    ).input_ids
    context = theirs.text_encoder(ids).last_hidden_state
    condition = ours.conditioner({"captions": PROMPTS})
    assert condition.context is not None
    assert close(condition.context, context)

    x, t = torch.randn(3, 4, 8, 8, generator=generator), torch.tensor([3.0, 500.0, 999.0])
    expected = theirs.unet(x, t, encoder_hidden_states=context).sample
    assert close(ours.unet(x, t, Condition(context=context)), expected)

    pictures = torch.rand(2, 3, 16, 24, generator=generator) * 2 - 1
    factor = theirs.vae.config.scaling_factor
    latents = theirs.vae.encode(pictures).latent_dist.mean * factor
    assert close(ours.encode(pictures), latents)
    decoded = theirs.vae.decode(latents / factor).sample.clamp(-1, 1)
    assert close(ours.decode(latents), decoded)


def test_their_folder(theirs: tuple[Path, diffusers.StableDiffusionPipeline]) -> None:
    folder, made = theirs
    ours = load(folder)
    assert ours.name == "their folder"
    assert ours.factor == 2
    assert ours.scheduler.prediction_type == made.scheduler.config.prediction_type
    assert_equal_outputs(ours, made)


def test_our_folder_in_diffusers(
    theirs: tuple[Path, diffusers.StableDiffusionPipeline], tmp_path: Path
) -> None:
    ours = load(theirs[0])
    save(ours, tmp_path / "ours")
    opened = diffusers.StableDiffusionPipeline.from_pretrained(tmp_path / "ours")
    assert_equal_outputs(ours, opened)
    assert type(opened.scheduler) is type(theirs[1].scheduler)
    for name in ("beta_start", "beta_schedule", "prediction_type", "steps_offset"):
        assert opened.scheduler.config[name] == theirs[1].scheduler.config[name]


@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_our_folder_runs_in_diffusers(
    dtype: torch.dtype | None, folder: Path, tmp_path: Path
) -> None:
    """Also in half precision, where networks of two types would stop it."""
    save(load(folder), tmp_path / "again", dtype)
    opened = diffusers.StableDiffusionPipeline.from_pretrained(tmp_path / "again")
    opened.set_progress_bar_config(disable=True)
    pictures = opened("a red cube", num_inference_steps=1, height=16, width=16, output_type="pt")
    assert pictures.images.shape == (1, 3, 16, 16)
    assert pictures.images.isfinite().all()


def state(model: LatentDiffusion) -> dict[str, torch.Tensor]:
    networks = {"unet": model.unet, "vae": model.autoencoder, "text": model.conditioner}
    return {f"{n} {key}": t for n, net in networks.items() for key, t in net.state_dict().items()}


def test_saved_and_loaded_bit_for_bit(
    theirs: tuple[Path, diffusers.StableDiffusionPipeline], tmp_path: Path
) -> None:
    first = load(theirs[0])
    save(first, tmp_path / "ours")
    again = load(tmp_path / "ours")
    a, b = state(first), state(again)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) and a[key].dtype == b[key].dtype for key in a)
    assert again.scheduler == first.scheduler
    for name in ("unet", "autoencoder"):
        assert getattr(again, name).config == getattr(first, name).config
    assert again.text.encoder.config == first.text.encoder.config


def test_half_precision_files_compute_in_float32_on_a_cpu(folder: Path, tmp_path: Path) -> None:
    save(load(folder), tmp_path / "half", torch.float16)
    assert {t.dtype for t in load_file(tmp_path / "half/unet" / AUTOENCODER_KL.file).values()} == {
        torch.float16
    }
    full, half = state(load(folder)), state(load(tmp_path / "half"))
    assert all(torch.equal(half[key], full[key].half().float()) for key in full)
    loaded = load(tmp_path / "half", dtype=torch.float16)
    assert loaded.dtype == torch.float16
    assert loaded.autoencoder.encoder.conv_in.weight.dtype == torch.float32, "force_upcast"


def test_half_precision_variant_alone(folder: Path) -> None:
    """Folders of which only the ``fp16`` variant was downloaded."""
    path = folder / "unet" / AUTOENCODER_KL.file
    before = state(load(folder))
    path.rename(path.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert all(torch.equal(t, before[key]) for key, t in state(load(folder)).items())


def test_autoencoders_of_before_2023(folder: Path) -> None:
    """Attention under ``query, key, value, proj_attn``."""
    path = folder / "vae" / AUTOENCODER_KL.file
    names = {
        ".to_q.": ".query.",
        ".to_k.": ".key.",
        ".to_v.": ".value.",
        ".to_out.0.": ".proj_attn.",
    }
    old, before = {}, load_file(path)
    for name, tensor in before.items():
        for new, older in names.items():
            name = name.replace(new, older)
        old[name] = tensor
    assert len(old.keys() - before.keys()) == 16
    save_file(old, path)
    loaded = load_autoencoder(folder).state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in loaded.items())


def test_saving_destroys_nothing(folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    save(model, folder)  # in place of a model that holds nothing else
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("x")
    with pytest.raises(UserError, match=r"thesis: already holds chapter\.tex"):
        save(model, other)
    assert [p.name for p in other.iterdir()] == ["chapter.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file"):
        save(model, tmp_path / "file" / "model")


def test_a_crash_while_saving_leaves_no_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(folder)

    def crash(folder: Path) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr(model.text.tokenizer, "save", crash)
    with pytest.raises(RuntimeError):
        save(model, tmp_path / "new" / "model")
    assert list((tmp_path / "new").iterdir()) == []


def sharded(folder: Path) -> None:
    """The UNet's file as diffusers writes what is too large for one."""
    made = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    made.save_pretrained(folder / "unet", max_shard_size="20KB")
    assert len([*(folder / "unet").glob("*-of-*.safetensors")]) > 1


def pickled(folder: Path) -> None:
    """All networks as pickles, as older versions wrote them."""
    for network in ("unet", "vae"):
        path = folder / network / "diffusion_pytorch_model.safetensors"
        torch.save(load_file(path), path.with_suffix(".bin"))
        path.unlink()
    path = folder / "text_encoder/model.safetensors"
    torch.save(load_file(path), path.with_name("pytorch_model.bin"))
    path.unlink()


def halved(folder: Path) -> None:
    """Half precision, under the names of a variant."""
    for path in folder.rglob("*.safetensors"):
        save_file(
            {n: t.half() for n, t in load_file(path).items()}, path.with_suffix(".fp16.safetensors")
        )
        path.unlink()


@pytest.mark.parametrize("form", [sharded, pickled, halved], ids=lambda form: form.__name__)
def test_other_forms_of_the_same_weights(
    form, theirs: tuple[Path, diffusers.StableDiffusionPipeline]
) -> None:
    folder, _ = theirs
    whole = {name: tensor.clone() for name, tensor in load(folder).unet.state_dict().items()}
    form(folder)
    read = load(folder).unet.state_dict()
    assert read.keys() == whole.keys()
    for name, tensor in whole.items():
        wanted = tensor.half().float() if form is halved else tensor
        assert torch.equal(read[name], wanted), name
