"""The text encoder in Stable Diffusion 2's single files, where it is OpenCLIP's."""

from __future__ import annotations

from collections.abc import Iterable

from calotype.checkpoints.keymap import Place, Places, renamed
from calotype.conditioning import CLIPTextConfig

LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
CHUNKS = ("q_proj", "k_proj", "v_proj")
"""Queries, keys and values are one matrix there, in this order along the first axis."""


def places(config: CLIPTextConfig, names: Iterable[str]) -> Places:
    """The places of the text encoder's tensors with these names."""
    found: dict[str, Place] = {}
    for name, theirs in renamed(names, modules(config), LAYER).items():
        *_, layer, kind = name.split(".")
        if layer in CHUNKS:
            fused = theirs.rsplit(".self_attn.", 1)[0] + f".attn.in_proj_{kind}"
            found[name] = Place(fused, CHUNKS.index(layer), len(CHUNKS))
        else:
            # The position embedding is a tensor there, not a module.
            found[name] = Place(
                theirs.replace("positional_embedding.weight", "positional_embedding")
            )
    return found


def modules(config: CLIPTextConfig) -> dict[str, str]:
    """Our module paths -> theirs."""
    found = {
        "text_model.embeddings.token_embedding": "token_embedding",
        "text_model.embeddings.position_embedding": "positional_embedding",
        "text_model.final_layer_norm": "ln_final",
    }
    for layer in range(config.num_hidden_layers):
        found[f"text_model.encoder.layers.{layer}"] = f"transformer.resblocks.{layer}"
    return found
