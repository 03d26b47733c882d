"""Tiny random models for `unchanged.py`, made by the reference libraries: every parameter redrawn.

    PYTHONPATH=TREE/src python studies/unchanged_models.py TREE FOLDER

Both trees read the same files. What only this project writes, single files, is made by its command
line, and so is what those become: a file as a training program leaves it, and pickles.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
UNET = {
    "sample_size": 8,
    "block_out_channels": (16, 32),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "cross_attention_dim": 24,
}
SD1 = {"attention_head_dim": 4, "use_linear_projection": False}
SD2 = {"attention_head_dim": (2, 4), "use_linear_projection": True}
PIXELS = {"in_channels": 3, "out_channels": 3, "sample_size": 16}
ZERO = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
MODELS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "epsilon": (SD1, "quick_gelu", {"_class_name": "PNDMScheduler", "skip_prk_steps": True}),
    "v": (SD2, "gelu", {"prediction_type": "v_prediction"}),
    "sample": (SD1, "quick_gelu", {"prediction_type": "sample", "timestep_spacing": "linspace"}),
    "zero": (SD2, "gelu", ZERO | {"timestep_spacing": "trailing"}),
    "pixel": (SD2 | PIXELS, "quick_gelu", {"set_alpha_to_one": True, "beta_schedule": "linear"}),
}
"""By name: the UNet's settings, the text encoder's activation, the scheduler's settings."""

AUTOENCODER = {
    "block_out_channels": (32, 64),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
}
VQ = {"scaling_factor": 1.0, "latent_channels": 6, "vq_embed_dim": 3, "num_vq_embeddings": 50}
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.35.0",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "requires_safety_checker": False,
}


@torch.no_grad()
def redrawn(network: nn.Module, seed: int) -> Any:
    """Every parameter anew, norms and biases too, at sizes that keep activations near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            middle = 1.0 if name.endswith("weight") else 0.0
            parameter.normal_(middle, 0.2, generator=generator)
    return network.eval()


def write_model(name: str, folder: Path, words: Path) -> None:
    """A model of ``MODELS`` that knows the words of a tokenizer's folder."""
    unet, activation, scheduler = MODELS[name]
    text = transformers.CLIPTextConfig(
        vocab_size=768,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=4,
        num_attention_heads=3,
        max_position_embeddings=48,
        hidden_act=activation,
        bos_token_id=766,
        eos_token_id=767,
    )
    redrawn(diffusers.UNet2DConditionModel(**UNET | unet), 1).save_pretrained(folder / "unet")
    redrawn(transformers.CLIPTextModel(text), 3).save_pretrained(folder / "text_encoder")
    shutil.copytree(words, folder / "tokenizer")
    if name == "pixel":
        (folder / "vae").mkdir()
        config = {"_class_name": "Pixels", "in_channels": 3, "sample_size": 16}
        (folder / "vae" / "config.json").write_text(json.dumps(config))
        save_file({}, folder / "vae" / "diffusion_pytorch_model.safetensors")
    else:
        autoencoder = diffusers.AutoencoderKL(**AUTOENCODER, sample_size=16)
        redrawn(autoencoder, 2).save_pretrained(folder / "vae")
    own = {"_class_name": "DDIMScheduler"} | SCHEDULE | scheduler
    vae = ["calotype", "Pixels"] if name == "pixel" else ["diffusers", "AutoencoderKL"]
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(own))
    index = INDEX | {"scheduler": ["diffusers", own["_class_name"]], "vae": vae}
    (folder / "model_index.json").write_text(json.dumps(index))


def write_trained(single: Path, path: Path) -> None:
    """A single file as a training leaves it: with running averages of the UNet, and a rest."""
    with safe_open(single, framework="pt") as file:
        header = file.metadata()
    tensors = load_file(single)
    averages = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): tensor * 2
        for name, tensor in tensors.items()
        if name.startswith("model.diffusion_model.")
    }
    rest = {"model_ema.decay": torch.tensor(0.9999), "betas": torch.zeros(1000)}
    save_file(tensors | averages | rest, path, header)


def write_pickled(model: Path, folder: Path) -> None:
    """A model's folder with its weights in pickles, as they were before safetensors."""
    shutil.copytree(model, folder)
    for path in folder.rglob("*.safetensors"):
        text = path.parent.name == "text_encoder"
        pickle = path.with_name("pytorch_model.bin") if text else path.with_suffix(".bin")
        torch.save(load_file(path), pickle)
        path.unlink()


def main() -> None:
    tree, folder = map(Path, sys.argv[1:])
    transformers.utils.logging.disable_progress_bar()
    for name in MODELS:
        write_model(name, folder / name, tree / "src/calotype/weights/scenes/tokenizer")
    redrawn(diffusers.VQModel(**AUTOENCODER, **VQ), 4).save_pretrained(folder / "vq")
    made = folder / "made"
    made.mkdir()
    for source, name in (("epsilon", "epsilon"), ("epsilon/vae", "vae"), ("vq", "vq")):
        words = ["convert", str(folder / source), str(made / f"{name}.safetensors")]
        subprocess.run([sys.executable, "-m", "calotype", *words], check=True, capture_output=True)
    write_trained(made / "epsilon.safetensors", folder / "trained.safetensors")
    write_pickled(folder / "epsilon", folder / "pickled")
    for name in ("vae", "vq"):
        tensors = load_file(made / f"{name}.safetensors") | {"loss.logvar": torch.zeros(())}
        torch.save({"state_dict": tensors, "global_step": 3}, folder / f"{name}.ckpt")
    print(", ".join(sorted(path.name for path in folder.iterdir() if path != made)))


if __name__ == "__main__":
    main()
