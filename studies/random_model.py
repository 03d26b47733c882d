"""A random model of full size, every parameter redrawn, as diffusers writes it: some 4 GB.

python studies/random_model.py sd15 FOLDER
"""

import argparse
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers

from calotype.conditioning import Tokenizer
from calotype.conditioning.clip_vocabulary import clip_vocabulary
from calotype.presets.families import FAMILIES

CHOSEN = {
    "sd15": ("Stable Diffusion 1", None),
    "sd15-inpainting": ("Stable Diffusion 1 inpainting", None),
    "sd21-v": ("Stable Diffusion 2", "v_prediction"),
}
"""By name: the family, and what its UNet predicts where the family has both."""


@torch.no_grad()
def redrawn(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Every parameter anew, norms and biases too, at sizes that keep activations near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            middle = 1.0 if name.endswith("weight") else 0.0
            parameter.normal_(middle, 0.1, generator=generator)
    return network.eval()


def write_reference(name: str, folder: Path) -> None:
    """A random model of one of ``CHOSEN`` as diffusers writes it."""
    wanted, prediction = CHOSEN[name]
    family = next(family for family in FAMILIES if family.name == wanted)
    unet = family.unet_of_v if prediction and family.unet_of_v else family.unet
    scheduler = family.scheduler.to_json() | ({"prediction_type": prediction} if prediction else {})
    text = transformers.CLIPTextConfig(**family.text.to_json())
    with tempfile.TemporaryDirectory() as words:
        Tokenizer(clip_vocabulary(family.pad_token)).save(Path(words))
        tokenizer = transformers.CLIPTokenizer.from_pretrained(words)
    parts = {
        "unet": redrawn(diffusers.UNet2DConditionModel.from_config(unet.to_json()), 1),
        "vae": redrawn(diffusers.AutoencoderKL.from_config(family.autoencoder.to_json()), 2),
        "text_encoder": redrawn(transformers.CLIPTextModel(text), 3),
        "tokenizer": tokenizer,
        "scheduler": getattr(diffusers, scheduler["_class_name"]).from_config(scheduler),
    }
    none = dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder"))
    kind = "StableDiffusionInpaintPipeline" if unet.in_channels == 9 else "StableDiffusionPipeline"
    made = getattr(diffusers, kind)(**parts, **none, requires_safety_checker=False)
    made.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=CHOSEN)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    write_reference(arguments.name, arguments.folder)


if __name__ == "__main__":
    main()
