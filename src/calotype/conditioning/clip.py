"""CLIP's text transformer: token ids -> one vector for each token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calotype.conditioning.tokenizer import Tokenizer
from calotype.errors import UserError
from calotype.layers import attend
from calotype.published_config import read_fields


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x): the approximation of GELU that OpenAI's CLIP was trained with."""
    return x * torch.sigmoid(1.702 * x)


MAX_LAYERS = 64
ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": F.gelu}

# Fields of the published config.json with the values at which they ask for nothing; None: notes of
# the writing program, or settings of the training, whatever their value.
_INACTIVE: dict[str, tuple[Any, ...]] = {
    "model_type": ("clip_text_model",),
    "attention_dropout": (0, None),
    "dropout": (0,),
    "is_decoder": (False,),
    "use_attention_mask": (False, None),
}
_NOTES = (
    "architectures",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "initializer_factor",
    "initializer_range",
    "return_dict",
    "use_cache",
    "output_attentions",
    "output_hidden_states",
)


@dataclass(frozen=True)
class CLIPTextConfig:
    """The configuration of a text encoder: the fields of a published CLIPTextModel config.json.

    hidden_size: width of a token. intermediate_size: width inside the feed-forward layers.
    max_position_embeddings: longest text, in tokens.
    hidden_act: "quick_gelu" (SD 1) or "gelu" (SD 2).
    bos_token_id, eos_token_id, pad_token_id, projection_dim: notes that other programs read; the
        hidden states do not depend on them.
    """

    vocab_size: int = 49408
    hidden_size: int = 512
    intermediate_size: int = 2048
    projection_dim: int | None = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    max_position_embeddings: int = 77
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    bos_token_id: int | None = 49406
    eos_token_id: int | None = 49407
    pad_token_id: int | None = 1

    def __post_init__(self) -> None:
        if self.hidden_act not in ACTIVATIONS:
            raise UserError(
                f'hidden_act = "{self.hidden_act}" is not supported, '
                f"only {' or '.join(ACTIVATIONS)}"
            )
        if not 1 <= self.num_hidden_layers <= MAX_LAYERS:
            raise UserError(
                f"num_hidden_layers = {self.num_hidden_layers}: must be from 1 to {MAX_LAYERS}"
            )
        if self.num_attention_heads < 1 or self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size = {self.hidden_size} must be a multiple of "
                f"num_attention_heads = {self.num_attention_heads}"
            )

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> CLIPTextConfig:
        """The record in a published config.json; UserError for what is not supported."""
        active = {name: value for name, value in values.items() if name not in _NOTES}
        return CLIPTextConfig(**read_fields(CLIPTextConfig, active, _INACTIVE))

    def to_json(self) -> dict[str, Any]:
        """The config.json of this encoder, as transformers reads it.

        The type is float32 whatever that of the file: diffusers turns the other networks of a
        half-precision folder into float32 but goes by this field for the text encoder, and a
        mixture stops it.
        """
        return {
            **asdict(self),
            "architectures": ["CLIPTextModel"],
            "model_type": "clip_text_model",
            "dtype": "float32",
        }

    def for_vocabulary(self, tokenizer: Tokenizer) -> CLIPTextConfig:
        """The same encoder for this tokenizer: its count of tokens, longest text, special ids."""
        return replace(
            self,
            vocab_size=len(tokenizer),
            max_position_embeddings=tokenizer.max_length,
            bos_token_id=tokenizer.bos_id,
            eos_token_id=tokenizer.eos_id,
            pad_token_id=tokenizer.pad_id,
        )


class Embeddings(nn.Module):
    """Token and position: ids (B, N) -> (B, N, D)."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def forward(self, ids: Tensor) -> Tensor:
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class SelfAttention(nn.Module):
    """Causal self-attention: a token attends to itself and to the tokens before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.out_proj(attend(q, k, v, self.heads, causal=True))


class FeedForward(nn.Module):
    """Two linear layers around the activation."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.hidden_act]
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class Layer(nn.Module):
    """Pre-norm attention and feed-forward, each with a residual connection."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.self_attn = SelfAttention(width, config.num_attention_heads)
        self.layer_norm1 = nn.LayerNorm(width, eps)
        self.mlp = FeedForward(config)
        self.layer_norm2 = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, skip: int) -> Tensor:
        for layer in self.layers[: len(self.layers) + 1 - skip]:
            x = layer(x)
        return x


class TextModel(nn.Module):
    """Embeddings, layers, final norm: the ``text_model`` of the published names."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, ids: Tensor, skip: int) -> Tensor:
        return self.final_layer_norm(self.encoder(self.embeddings(ids), skip))


class CLIPTextEncoder(nn.Module):
    """The text half of CLIP (Radford et al. 2021, section 2.4): ids (B, N) int64 -> (B, N, D).

    The output is the last hidden state after the final norm, what the UNet's cross-attention
    reads; with ``skip`` above 1 that of an earlier layer, 2 the last but one, after the same norm.
    N is at most ``config.max_position_embeddings``.
    """

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = TextModel(config)
        self._draw_weights()

    def forward(self, ids: Tensor, skip: int = 1) -> Tensor:
        return self.text_model(ids, skip)

    def _draw_weights(self) -> None:
        """CLIP's initialisation: small embeddings, residual branches scaled by the depth."""
        width, depth = self.config.hidden_size, self.config.num_hidden_layers
        inner = width**-0.5
        outer = inner * (2 * depth) ** -0.5
        nn.init.normal_(self.text_model.embeddings.token_embedding.weight, std=0.02)
        nn.init.normal_(self.text_model.embeddings.position_embedding.weight, std=0.01)
        for name, weight in self.text_model.encoder.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
                nn.init.normal_(weight, std=inner)
            elif name.endswith(("out_proj.weight", "fc2.weight")):
                nn.init.normal_(weight, std=outer)
            elif name.endswith("fc1.weight"):
                nn.init.normal_(weight, std=(2 * width) ** -0.5)
