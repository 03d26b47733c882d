"""Models with other components than text-to-image: without text, upscalers, new networks."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import diffusers
import pytest
import torch
from reference import TOLERANCE, difference, redraw
from tiny_pipeline import pipeline
from torch import nn

from calotype.checkpoints import kinds, load, save
from calotype.checkpoints.component import component_of
from calotype.checkpoints.hub import wanted_files
from calotype.checkpoints.kinds import AUTOENCODER_KL, Kind
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.model_folder import write_folder
from calotype.checkpoints.single_file import write_single
from calotype.cli.app import main
from calotype.condition import Condition
from calotype.errors import UserError


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def same(one, other) -> bool:
    """Whether two models' parts are equal in all that is computed with."""
    return one.components.keys() == other.components.keys() and all(
        ours.config == theirs.config
        and ours.tensors.keys() == theirs.tensors.keys()
        and all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)
        for ours, theirs in zip(one.components.values(), other.components.values(), strict=True)
    )


def unconditional(classes: int | None, autoencoder: str) -> diffusers.LDMPipeline:
    """A tiny model of diffusers that reads no text, every parameter redrawn."""
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        num_class_embeds=classes,
    )
    stage = getattr(diffusers, autoencoder)(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=3,
        scaling_factor=0.5,
    )
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False
    )
    return diffusers.LDMPipeline(redraw(stage, 2), redraw(unet, 1), scheduler)


@pytest.mark.parametrize("autoencoder", ["VQModel", "AutoencoderKL"])
@pytest.mark.parametrize("classes", [None, 5])
def test_a_model_without_text_is_read_built_and_written(
    classes: int | None, autoencoder: str, tmp_path: Path
) -> None:
    theirs = unconditional(classes, autoencoder)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load(tmp_path / "theirs")
    assert not len(ours.conditioner.embedders)
    assert ours.scheduler.beta_end == 0.0195
    generator = torch.Generator().manual_seed(5)
    x, t = torch.randn(2, 3, 8, 8, generator=generator), torch.tensor([3.0, 900.0])
    label = None if classes is None else torch.tensor([1, 4])
    with torch.inference_mode():
        expected = theirs.unet(x, t, class_labels=label).sample
        found = ours.unet(x, t, Condition(vector=label))
        assert difference(found, expected) < TOLERANCE[torch.float32]
        expected = theirs.vqvae.decode(x / 0.5).sample.clamp(-1, 1)
        assert difference(ours.decode(x), expected) < TOLERANCE[torch.float32]

    parts = read_parts(tmp_path / "theirs")
    save(ours, tmp_path / "folder")
    write_single(parts, tmp_path / "file.safetensors")
    for place in ("folder", "file.safetensors"):
        again = read_parts(tmp_path / place)
        assert same(again, parts), place
        assert (again.text, again.tokenizer) == (None, None)
        assert again.scheduler == parts.scheduler


def test_our_model_without_text_runs_in_diffusers(tmp_path: Path) -> None:
    unconditional(None, "VQModel").save_pretrained(tmp_path / "theirs")
    save(load(tmp_path / "theirs"), tmp_path / "ours")
    opened = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "ours")
    assert type(opened) is diffusers.LDMPipeline
    opened.set_progress_bar_config(disable=True)
    draws = [torch.Generator().manual_seed(1) for _ in range(2)]
    theirs = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "theirs")
    theirs.set_progress_bar_config(disable=True)
    found, expected = (
        pipe(generator=draw, num_inference_steps=2, output_type="np").images
        for pipe, draw in zip((opened, theirs), draws, strict=True)
    )
    assert (found == expected).all()


def test_a_model_without_text_is_described_and_converted(tmp_path: Path, capsys) -> None:
    unconditional(5, "VQModel").save_pretrained(tmp_path / "model")
    assert main(["convert", str(tmp_path / "model"), str(tmp_path / "a.safetensors")]) == 0
    assert main(["convert", str(tmp_path / "a.safetensors"), str(tmp_path / "back")]) == 0
    assert same(read_parts(tmp_path / "back"), read_parts(tmp_path / "model"))
    assert main(["convert", str(tmp_path / "model/vqvae"), str(tmp_path / "vae")]) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "model")]) == 0
    out = capsys.readouterr().out
    assert "codebook" in out
    assert "tokenizer" not in out
    assert main(["verify", str(tmp_path / "model")]) == 2
    assert "no text_encoder" in capsys.readouterr().err
    assert main(["tokens", "a cube", "--model", str(tmp_path / "model")]) == 2
    assert "reads no text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text_encoder": None, "tokenizer": None}, ["reads a context", "= 24", "no text_encoder"]),
        ({"text_encoder": None}, ["text_encoder is None", "CLIPTextModel"]),
        ({"tokenizer": [None, None]}, ["tokenizer is [None, None]", "CLIPTokenizer"]),
        ({"vae": None}, ["vae is None", "AutoencoderKL"]),
        ({"unet": None}, ["unet is None", "UNet2DConditionModel", "UNet2DModel"]),
    ],
)
def test_a_missing_component_is_named(change: dict, words: list[str], folder: Path) -> None:
    edit_json(folder / "model_index.json", **change)
    with pytest.raises(UserError) as caught:
        load(folder)
    assert all(word in str(caught.value) for word in [str(folder), *words]), caught.value


def test_an_unused_text_encoder_is_named(folder: Path, tmp_path: Path) -> None:
    unconditional(None, "AutoencoderKL").save_pretrained(tmp_path / "other")
    unet = (tmp_path / "other/unet").rename(tmp_path / "unet")
    (folder / "unet").rename(tmp_path / "old")
    unet.rename(folder / "unet")
    edit_json(folder / "model_index.json", unet=["diffusers", "UNet2DModel"])
    with pytest.raises(UserError, match="unet reads no context, but there is a text_encoder"):
        load(folder)


def upscaler(folder: Path, tmp_path: Path, **low_res: object) -> Path:
    """A tiny x4 upscaler as diffusers writes it, ``clip_sample`` true as in the published one."""
    made = pipeline("sd2", tmp_path)
    config = {name: value for name, value in made.unet.config.items() if name[0] != "_"}
    unet = diffusers.UNet2DConditionModel(**{**config, "in_channels": 7, "num_class_embeds": 1000})
    diffusers.StableDiffusionUpscalePipeline(
        vae=made.vae,
        text_encoder=made.text_encoder,
        tokenizer=made.tokenizer,
        unet=redraw(unet, 1),
        low_res_scheduler=diffusers.DDPMScheduler(
            **{"beta_schedule": "scaled_linear", "beta_end": 0.03, **low_res}
        ),
        scheduler=made.scheduler,
        max_noise_level=77,
    ).save_pretrained(folder)
    return folder


def test_an_upscaler_s_second_schedule_is_read_and_written(tmp_path: Path) -> None:
    """Not guessed: its betas and highest level are not those of the model's own schedule."""
    parts = read_parts(upscaler(tmp_path / "theirs", tmp_path))
    model = load(tmp_path / "theirs")
    assert not parts.dropped
    save(model, tmp_path / "folder")
    write_single(parts, tmp_path / "file.safetensors")
    write_folder(read_parts(tmp_path / "file.safetensors"), tmp_path / "back")
    for place in ("theirs", "folder", "file.safetensors", "back"):
        found = read_parts(tmp_path / place)
        assert found.low_res_scheduler is not None
        assert found.low_res_scheduler.beta_end == 0.03
        assert found.low_res_scheduler.beta_start == 0.0001
        assert found.max_noise_level == 77
        assert found.scheduler.beta_end == 0.012
    for place in ("folder", "back"):
        opened = diffusers.DiffusionPipeline.from_pretrained(tmp_path / place)
        assert type(opened) is diffusers.StableDiffusionUpscalePipeline
        assert opened.config.max_noise_level == 77
        assert opened.low_res_scheduler.config.clip_sample, "kept, though it is not used"
        wanted = diffusers.DDPMScheduler(beta_schedule="scaled_linear", beta_end=0.03)
        assert torch.equal(opened.low_res_scheduler.alphas_cumprod, wanted.alphas_cumprod)
        ours = model.low_res_scheduler.schedule.alphas_cumprod.float()
        assert difference(ours, wanted.alphas_cumprod) < TOLERANCE[torch.float32]


@pytest.mark.parametrize("level", ["350", -1, 1000, True])
def test_a_noise_level_that_is_none_is_named(level: object, tmp_path: Path) -> None:
    folder = upscaler(tmp_path / "model", tmp_path)
    edit_json(folder / "model_index.json", max_noise_level=level)
    with pytest.raises(UserError, match=r"model_index\.json: max_noise_level = .* from 0 to 999"):
        load(folder)


def test_a_second_schedule_that_is_not_supported_is_named(tmp_path: Path) -> None:
    folder = upscaler(tmp_path / "model", tmp_path, thresholding=True)
    with pytest.raises(UserError, match=r"low_res_scheduler/.*thresholding"):
        load(folder)


def test_an_image_encoder_is_reported_as_left_out(folder: Path) -> None:
    clip = ["transformers", "CLIPVisionModelWithProjection"]
    edit_json(folder / "model_index.json", image_encoder=clip)
    parts = read_parts(folder)
    assert parts.dropped["image_encoder"] == "only image-prompt adapters use it"
    assert "image_encoder" not in parts.components


@dataclass(frozen=True)
class TowerConfig:
    """The config of a network that is not ours yet."""

    width: int = 4

    @staticmethod
    def from_json(values: dict) -> "TowerConfig":
        return TowerConfig(values["width"])

    def to_json(self) -> dict:
        return asdict(self)


class Tower(nn.Linear):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config.width, 2)
        self.config = config


def test_a_network_that_is_registered_is_read_fetched_and_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more entry in the registry is the only edit."""
    tower = Kind("image_encoder", "model.safetensors", TowerConfig, Tower, "theirs", ("Tower",))
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, tower))
    network = Tower(TowerConfig(5))
    write_folder(read_parts(folder).with_component(component_of(network)), tmp_path / "model")
    index = json.loads((tmp_path / "model/model_index.json").read_text())
    assert index["image_encoder"] == ["theirs", "Tower"]
    found = read_parts(tmp_path / "model")
    assert found.components["image_encoder"].config == TowerConfig(5)
    assert torch.equal(found.components["image_encoder"].tensors["weight"], network.weight)
    files = [str(p.relative_to(tmp_path / "model")) for p in (tmp_path / "model").rglob("*.*")]
    wanted = [*wanted_files(files)]
    assert {"image_encoder/config.json", "image_encoder/model.safetensors"} <= {*wanted}
    with pytest.raises(UserError, match="a single file has no place for image_encoder"):
        write_single(found, tmp_path / "a.safetensors")
    assert load(tmp_path / "model").unet.config == found.unet.config
    assert not (tmp_path / "a.safetensors").exists()
    edit_json(tmp_path / "model/model_index.json", image_encoder=["theirs", "Bridge"])
    with pytest.raises(UserError, match=r"image_encoder is .*Bridge.*; supported: .*Tower"):
        load(tmp_path / "model")


def test_the_weights_of_a_model_without_text_are_fetched() -> None:
    files = ["model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"]
    files += ["vqvae/config.json", "vqvae/diffusion_pytorch_model.bin"]
    assert [*wanted_files(files)][2:] == [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vqvae/config.json",
        "vqvae/diffusion_pytorch_model.bin",
    ]


def test_every_registered_network_has_its_place() -> None:
    assert kinds.folders() == ("unet", "vae", "text_encoder")
    assert kinds.kinds_in("vae")[0] is AUTOENCODER_KL
