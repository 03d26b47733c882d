"""A tiny Stable Diffusion model of diffusers, of either family, every parameter redrawn."""

from pathlib import Path

import diffusers
import transformers
from reference import redraw

from calotype.conditioning import Tokenizer

TOKENIZER = Tokenizer.train(["a small red cube and two cones"], vocab_size=540, model_max_length=9)

FAMILIES = {
    "sd1": {
        "unet": {"attention_head_dim": 4, "use_linear_projection": False},
        "text": {"hidden_act": "quick_gelu", "eos_token_id": 2},
        "scheduler": diffusers.PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
    },
    "sd2": {
        "unet": {"attention_head_dim": (2, 4), "use_linear_projection": True},
        "text": {"hidden_act": "gelu", "eos_token_id": 2},
        "scheduler": diffusers.DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type="v_prediction",
        ),
    },
}


def pipeline(family: str, tmp_path: Path) -> diffusers.StableDiffusionPipeline:
    """A tiny model of diffusers, every parameter redrawn."""
    values = FAMILIES[family]
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=24,
        **values["unet"],
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=16,
    )
    text = transformers.CLIPTextConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=3,
        max_position_embeddings=9,
        **values["text"],
    )
    TOKENIZER.save(tmp_path / "words")
    return diffusers.StableDiffusionPipeline(
        unet=redraw(unet, 1),
        vae=redraw(vae, 2),
        text_encoder=redraw(transformers.CLIPTextModel(text), 3),
        tokenizer=transformers.CLIPTokenizer.from_pretrained(tmp_path / "words"),
        scheduler=values["scheduler"],
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
