"""The packaged model of the built-in world: 128x128 pictures, 16x16 latents, < 40 MB in fp16."""

from calotype.autoencoder import AutoencoderConfig
from calotype.conditioning import CLIPTextConfig
from calotype.presets.preset import Preset
from calotype.unet import UNetConfig

# Without attention in the middle, which gains too little at this size for its time.
AUTOENCODER = AutoencoderConfig(
    block_out_channels=(16, 32, 64, 128),
    layers_per_block=1,
    norm_num_groups=8,
    sample_size=128,
    mid_block_add_attention=False,
)

# Cross-attention at 16x16, which resolves edges, and at 8x8, which resolves where objects are; 4x4
# is wide and cheap, with cross-attention in the middle only.
UNET = UNetConfig(
    sample_size=16,
    block_out_channels=(64, 160, 256),
    layers_per_block=1,
    down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    cross_attention_dim=192,
    attention_head_dim=(2, 5, 8),  # heads of 32
    use_linear_projection=True,
)

# vocab_size and the ids are replaced by those of the vocabulary learned from the captions.
TEXT = CLIPTextConfig(
    vocab_size=768,
    hidden_size=192,
    intermediate_size=768,
    projection_dim=192,
    num_hidden_layers=4,
    num_attention_heads=6,
    max_position_embeddings=48,
)

PRESETS = (Preset("scenes", "recipes/scenes", AUTOENCODER, UNET, TEXT),)
